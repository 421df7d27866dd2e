"""What the tests of the built site share: its pages as files, and in a browser.

The fixtures `site` and `browser` are in `conftest.py`.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, Route
from serve import start

# Every wait in a browser is for a condition, and a busy machine may take its time: this limit is
# for a page or a process that is dead.
PATIENCE_S = 600

# The theme adapts a page to a new width, or to an opened fold, by a timer of 300 milliseconds; a
# later timer of the same page ends after it, however slow the machine is. Then nothing is left to
# do, and colours that fade, as those of buttons do when the theme changes, have arrived.
SETTLED = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame();
  await new Promise((done) => setTimeout(done, 400));
  await document.fonts.ready;
  const fading = () => document.getAnimations().filter(
    (a) => a.playState === "running" && a.effect.getComputedTiming().endTime < Infinity);
  while (fading().length) await frame();
  await frame();
}"""
# A formula is a child of its place, with its TeX; it takes room, and its signs do too.
FORMULA_FAULTS = """() => [...document.querySelectorAll(".math")].flatMap((place) => {
  const parts = [...place.querySelectorAll("math")];
  const shown = (e) => !e.checkVisibility() || e.getBoundingClientRect().width > 0;
  return parts.length && parts[0].getAttribute("alttext") && parts.every(shown)
    && !place.querySelector("merror") ? [] : ["a formula that is not shown: " + place.innerHTML];
})"""


def pages(folder: Path) -> list[Path]:
    """Return the pages of a site; _static holds templates that are none."""
    static = folder / "_static"
    return [p for p in sorted(folder.rglob("*.html")) if static not in p.parents]


def parse(file: Path) -> BeautifulSoup:
    """Return a page, or a drawing, taken apart."""
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


read = functools.cache(parse)  # a page is asked for by many tests


@functools.cache
def serve(folder: Path) -> str:
    """Serve a folder on a free port of this machine until the tests end; return the address."""
    return start(folder)


def visit(context: BrowserContext, address: str, base: str) -> tuple[Page, list[str]]:
    """Open a page; return it with what goes wrong on the way, now and later.

    Requests to other hosts are refused here, so that a fault in the site cannot leave the machine.
    """
    page = context.new_page()
    faults: list[str] = []

    def refuse(route: Route) -> None:
        faults.append(f"asked another host: {route.request.url}")
        route.abort()

    def answered(response: Response) -> None:
        if not response.ok:
            faults.append(f"answer {response.status}: {response.url}")

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"console: {message.text}")

    page.route(lambda url: not url.startswith((base, "data:", "blob:")), refuse)
    page.on("response", answered)
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("console", told)
    page.goto(address)
    if address == f"{base}index.html":
        page.wait_for_url(f"{base}book/index.html")
    return page, faults


def settle(page: Page, theme: str = "") -> None:
    """Wait until a page has done what it does after a change, of its theme or otherwise."""
    if theme:
        page.wait_for_function(f"document.documentElement.dataset.theme == '{theme}'")
    page.evaluate(SETTLED)


def layout_faults(page: Page) -> list[str]:
    """Return what is wrong with an open page: formulas that failed, too wide for the screen."""
    faults = page.evaluate(FORMULA_FAULTS)
    root = "document.documentElement"
    wider = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
    if wider > 0:
        faults.append(f"{wider} pixels wider than the screen")
    return faults


def axe_faults(page: Page, where: dict | None = None, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe finds on an open page; in some places of it or by some rules, if given."""
    faults = []
    # With preload, axe fetches style sheets itself, from wrong addresses.
    options = {"preload": False, "resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    for violation in Axe().run(page, where, options).response["violations"]:
        first = violation["nodes"][0]
        faults.append(f"axe {violation['id']} x{len(violation['nodes'])}: {first['target']}")
    return faults
