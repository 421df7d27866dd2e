"""Print what each page of the built site weighs, as a browser loads it, compressed.

    python scripts/weigh.py [folder]

The first column is the page as it opens; the second is everything: read to its end, every fold
opened, every frame of every scrubber seen. Needs Chromium on the machine.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from playwright.sync_api import Browser, sync_playwright
from serve import BUILT, ROOT, start

# Asks for every lazy picture, and lets every live part come near.
READ = """async () => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  document.querySelectorAll("details").forEach((d) => (d.open = true));
  document.querySelectorAll("img").forEach((i) => (i.loading = "eager"));
  for (let y = 0; y < document.documentElement.scrollHeight; y += 500) {
    window.scrollTo({ top: y, behavior: "instant" });
    await pause(20);
  }
}"""


def contents() -> list[tuple[str, str]]:
    """Return the pages in the order of the contents, each with the caption of its part."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [(toc["root"], "")]

    def add(entries: list[dict], caption: str) -> None:
        for entry in entries:
            pages.append((entry["file"], caption))
            add(entry.get("sections", []), caption)

    for part in toc["parts"]:
        add(part["chapters"], part["caption"])
    return pages


def weigh(browser: Browser, address: str) -> tuple[int, int, list[str]]:
    """Return the bytes of a page as it opens, and in all, and the names of what it loaded."""
    with browser.new_context() as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        total, names = [0], []

        def count(event: dict) -> None:
            total[0] += event["encodedDataLength"]

        session.on("Network.loadingFinished", count)
        page.on("request", lambda request: names.append(request.url))
        session.send("Network.enable")
        page.goto(address)
        page.wait_for_load_state("networkidle")
        first = total[0]
        page.evaluate(READ)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(300)
        return first, total[0], names


def find_browser() -> str:
    """Return the path of the Chromium that is installed, or an empty text."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), "")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start that Chromium, and end it."""
    # As root, in a container, Chromium refuses to start with its sandbox.
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # there is none in Windows
    args = ["--no-sandbox"] if root else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=args)
        yield browser
        browser.close()


def main() -> None:
    """Weigh every page of a folder."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BUILT
    base = start(folder)
    with open_browser() as browser:
        print(f"{'page':44}{'opens':>9}{'in all':>9}")
        for path in sorted((folder / "book").glob("*.html")):
            name = path.relative_to(folder).as_posix()
            first, whole, _ = weigh(browser, base + name)
            print(f"{name:44}{first / 1000:6.0f} kB{whole / 1000:6.0f} kB")


if __name__ == "__main__":
    main()
