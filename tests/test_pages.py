"""Every page of the built site in a browser, read to its end, with everything on it used.

A page is opened once, then looked at in light and dark, on a desk and on a phone, and enlarged.
What fails leaves a picture in _build/screenshots.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from serve import ROOT
from web import axe_faults, layout_faults, pages, serve, settle, visit
from weigh import READ, contents

CHAPTERS = [f"{name}.html" for name, _ in contents()]
PAGES = ["index.html", "search.html", "genindex.html", *CHAPTERS]
FIRST_PAGE = CHAPTERS[0]

COLOURS = ["color-contrast", "link-in-text-block"]
LAYOUT = ["target-size", "scrollable-region-focusable", "meta-viewport"]
FRAME = [".bar", ".contents", ".next"]
FRAMED = (FIRST_PAGE, "search.html")
# Width, height, theme, rules of axe (all if empty) and places. Colours do not depend on the width,
# and what scrolls does not depend on the theme, so not every pair is looked at. The frame looks the
# same everywhere: its dark colours on a desk are looked at on two pages. A browser that enlarges a
# page to 200 % gives it half of the width.
STATES = [
    (1280, 800, "light", [], None),
    (1280, 800, "dark", COLOURS, FRAME),
    (390, 844, "dark", [], None),
    (640, 400, "light", LAYOUT, None),
]
# axe would look at each of ten thousand tokens of code and signs of formulas. The colour of a token
# depends on its kind: blocks of code whose tokens were all seen before, in the same colours on the
# same ground, are hidden, in their places; so are formulas in lines of text.
HIDE_REPEATED = """() => {
  const above = (e) => (e ? [e, ...above(e.parentElement)] : []);
  const ground = (part) => above(part).map((e) => {
    const { backgroundColor, opacity } = getComputedStyle(e);
    return backgroundColor.endsWith(", 0)") && opacity === "1" ? "" : backgroundColor + opacity;
  }).join("");
  const seen = new Set();
  const hide = (place, parts) => {
    place.style.visibility = "";
    const under = ground(place);
    const looks = parts.map((part) => {
      const { color, backgroundColor, opacity, fontSize, fontWeight } = getComputedStyle(part);
      return [color, backgroundColor, opacity, fontSize, fontWeight, under].join();
    });
    if (looks.length && looks.every((key) => seen.has(key))) place.style.visibility = "hidden";
    looks.forEach((key) => seen.add(key));
  };
  for (const code of document.querySelectorAll("div.highlight pre"))
    hide(code, [...code.querySelectorAll("span")]);
  for (const formula of document.querySelectorAll("span.math math")) hide(formula, [formula]);
}"""
SHOW_ALL = """() => {
  document.querySelectorAll("div.highlight pre, math").forEach((e) => { e.style.visibility = ""; });
}"""
SHIFTS = """window.shifts = []; new PerformanceObserver((list) => {
  for (const { hadRecentInput, startTime, value } of list.getEntries()) {
    if (!hadRecentInput) window.shifts.push([startTime, value]);
  }
}).observe({ type: "layout-shift", buffered: true });"""
# Each slider of a scrubber to its end and back, by the events of a reader's own hand.
SCRUB = """() => [...document.querySelectorAll("figure.scrubber")].map((figure) => {
  const slider = figure.querySelector("input[type=range]");
  const shown = () => [...figure.querySelectorAll("img")].findIndex((image) => !image.hidden);
  return [slider.max, "0"].map((value) => {
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return shown() === Number(value) && slider.getAttribute("aria-valuetext") !== "";
  }).every(Boolean);
})"""
# Where a place is when it has not moved for half a second: the theme scrolls smoothly.
RESTS = """async (anchor) => {
  const place = () => document.getElementById(anchor).getBoundingClientRect().top;
  let last = place();
  for (let still = 0; still < 30; still++) {
    await new Promise(requestAnimationFrame);
    if (place() !== last) still = 0;
    last = place();
  }
  return last;
}"""
SWITCH = """() => {
  document.querySelector("[data-theme-button]").click();
  return document.documentElement.dataset.mode;
}"""
CLICK_ALL = """(selector) => {
  const places = [...document.querySelectorAll(selector)];
  places.forEach((place) => place.click());
  return places.length;
}"""


@contextmanager
def pictured(page: Page, name: str) -> Iterator[None]:
    """Leave a picture of the page if the test fails."""
    try:
        yield
    except BaseException:
        folder = ROOT / "_build" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{Path(name).stem}.png")
        raise


def layout_shift(shifts: list[tuple[float, float]]) -> float:
    """Return the cumulative layout shift: the worst five seconds without a pause of one second."""
    worst = window = 0.0
    start = last = -math.inf
    for time, value in shifts:
        if time - last > 1000 or time - start > 5000:
            window, start = 0.0, time
        window, last = window + value, time
        worst = max(worst, window)
    return worst


def look(page: Page, name: str) -> list[str]:
    """Return what is wrong in any of the states."""
    found = []
    for width, height, theme, rules, places in STATES:
        if places and name not in FRAMED:
            continue
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": height})
        settle(page, theme)
        page.evaluate(SHOW_ALL if rules == LAYOUT else HIDE_REPEATED)
        held = [place for place in places or [] if page.locator(place).count()]
        where = {"include": [[place] for place in held]} if held else None
        faults = axe_faults(page, where, rules) + layout_faults(page)
        found += [f"{theme}, {width}: {fault}" for fault in faults]
    return found


def use(page: Page, faults: list[str]) -> None:
    """Use what can be used on a page; add to the faults what does not do its work."""
    faults += [f"scrubber {k} does not move" for k, ok in enumerate(page.evaluate(SCRUB)) if not ok]
    count = page.locator(".scrubber input").count()
    if count:
        page.locator(".scrubber input").first.press("ArrowRight")
        if page.locator("figure.scrubber img:visible").first.get_attribute("hidden") is not None:
            faults.append("the first scrubber does not answer the keyboard")
    page.evaluate(CLICK_ALL, "article summary")
    page.evaluate(CLICK_ALL, "article summary")
    page.evaluate(CLICK_ALL, "button.copybtn")
    modes = [page.evaluate(SWITCH) for _ in range(3)]
    if sorted(modes) != ["auto", "dark", "light"] or modes[-1] != "auto":
        faults.append(f"the switch of the theme gives {modes}")
    page.keyboard.press("Control+k")
    if not page.evaluate("document.activeElement.matches('.search-form input')"):
        faults.append("Control and K do not lead to the search")
    for menu in page.locator("details.menu").all():
        menu.locator("summary").click()
        if not menu.locator("nav").is_visible():
            faults.append(f"the menu {menu.inner_text()} does not open")
        page.keyboard.press("Escape")
        if menu.locator("nav").is_visible():
            faults.append("Escape does not close a menu")


def test_these_are_all_pages(site: Path) -> None:
    assert sorted(PAGES) == sorted(path.relative_to(site).as_posix() for path in pages(site))


@pytest.mark.parametrize("name", PAGES)
def test_page(browser: Browser, site: Path, name: str) -> None:
    base = serve(site)
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.add_init_script(SHIFTS)
        weight = [0]
        page, faults = visit(context, "about:blank", base)
        session = context.new_cdp_session(page)
        session.on("Network.loadingFinished", lambda e: weight.append(e["encodedDataLength"]))
        session.send("Network.enable")
        with pictured(page, name):
            # The layout shift is that of a slow computer, as the page opens.
            session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
            page.goto(base + name)
            page.wait_for_load_state("networkidle")
            settle(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            first = sum(weight)
            shift = layout_shift(page.evaluate("window.shifts"))
            if name not in ("index.html", "search.html", "genindex.html"):
                use(page, faults)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            faults += look(page, name)
            page.set_viewport_size({"width": 1280, "height": 800})
            page.evaluate(READ)
            page.wait_for_load_state("networkidle")
            print(f"{name}: {first / 1e3:.0f} kB, {sum(weight) / 1e3:.0f} kB in all, {shift:.3f}")
            limit = 1e6 if name == FIRST_PAGE else 2e6
            assert sum(weight) < limit, f"{sum(weight) / 1e6:.2f} MB"
            assert shift < 0.05
            assert not faults, "\n".join(faults)


# A slow phone on a slow line, as Lighthouse has it: a page is drawn before its scripts are there.
SLOW_LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}


@pytest.mark.parametrize("name", ["index", "03_fisher_and_local_data_matrix", "claims", "at_scale"])
def test_nothing_moves_on_a_phone(browser: Browser, site: Path, name: str) -> None:
    base = serve(site)
    with browser.new_context(viewport={"width": 412, "height": 823}, is_mobile=True) as context:
        page = context.new_page()
        page.add_init_script(SHIFTS)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_LINE)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(f"{base}book/{name}.html")
        page.wait_for_load_state("networkidle")
        settle(page)
        assert layout_shift(page.evaluate("window.shifts")) < 0.05


@pytest.mark.parametrize(
    ("name", "anchor"),
    [("claims", "claim-s6"), ("06_linear_regions", "exercises"), ("glossary", "term-leaf")],
)
def test_a_link_into_a_page_ends_at_its_place(
    browser: Browser, site: Path, name: str, anchor: str
) -> None:
    """Formulas and pictures that arrive later must not push it away."""
    base = serve(site)
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page, _ = visit(context, f"{base}book/{name}.html#{anchor}", base)
        page.wait_for_load_state("networkidle")
        settle(page)
        top = page.evaluate(RESTS, anchor)
        assert -10 <= top <= 200, top
