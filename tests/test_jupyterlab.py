"""A reader's JupyterLab: the chapters in order, and the live parts of chapter 7, by keyboard.

A JupyterLab of its own serves a copy of the book's folder to the Chromium of the machine. Of
chapter 7 the copy holds the set-up and the two live parts, so that nothing waits for hundreds of
walks; all other cells are executed by nbval.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect
from serve import ROOT
from web import PATIENCE_S

CHAPTER = "07_leaf_navigation.ipynb"
# What the live cells need, by a line of each cell.
NEEDED = (
    "import matplotlib", "def slow_walk(", "nets = {", "PAIRS =", "READER =", "ten_ways =",
    "def frame(", "def explorer(",
)  # fmt: skip
SETTINGS = (
    "--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
    "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)  # fmt: skip


def live_part(path: Path) -> nbformat.NotebookNode:
    """Return a chapter with the cells alone that its live parts need, without outputs."""
    book = nbformat.read(path, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    book.cells = [cell for cell in code if any(line in cell.source for line in NEEDED)]
    assert len(book.cells) == len(NEEDED), [cell.source[:60] for cell in book.cells]
    for cell in book.cells:
        cell.outputs, cell.execution_count = [], None
    return book


def answers(address: str) -> bool:
    """Whether a server answers."""
    try:
        urllib.request.urlopen(address, timeout=PATIENCE_S).close()
    except OSError:  # it does not listen yet
        return False
    return True


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a JupyterLab in a copy of the book's folder, and return its address."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("_build", ".*"))
    nbformat.write(live_part(ROOT / "book" / CHAPTER), folder / "book" / CHAPTER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | own | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    environment.pop("COURSE_PROGRESS", None)  # there is a reader
    root = ["--allow-root"] if os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS, f"--port={port}", *root]
    address = f"http://127.0.0.1:{port}/"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={folder / 'book'}"],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            end = time.monotonic() + PATIENCE_S
            while not answers(f"{address}api"):
                assert server.poll() is None, (folder / "log").read_text()
                if time.monotonic() > end:
                    pytest.fail("JupyterLab did not start:\n" + (folder / "log").read_text())
                time.sleep(0.5)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_S)


def picture(output: Locator) -> Image.Image:
    """Return the figure that an output shows."""
    source = output.locator("img").last.get_attribute("src")
    return Image.open(io.BytesIO(b64decode(source.partition(",")[2]))).convert("RGB")


def changed(before: Image.Image, after: Image.Image) -> tuple[bool, bool]:
    """Whether the left third of a figure changed, the digit, and the rest, the bars."""
    width, height = min(before.width, after.width), min(before.height, after.height)
    sides = (0, 0, width // 3, height), (width // 3, 0, width, height)
    left, right = (
        ImageChops.difference(before.crop(side), after.crop(side)).getbbox() for side in sides
    )
    return left is not None, right is not None


def run_all_cells(page: Page, until: Locator) -> None:
    """Run all cells, and again if JupyterLab drops the wish, as it does while a kernel connects."""
    prompt = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").first
    end = time.monotonic() + PATIENCE_S
    while not until.is_visible():
        assert time.monotonic() < end, "the cells are not executed"
        if prompt.inner_text() == "[ ]:":
            page.locator(".jp-Notebook .jp-CodeCell").first.click()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(1000)


def test_sliders_move_the_picture_and_the_bars(browser: Browser, lab: str) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        page, faults = context.new_page(), []
        page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
        page.on("console", lambda m: m.type == "error" and faults.append(f"console: {m.text}"))
        page.goto(f"{lab}lab/tree/{CHAPTER}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()

        # The list of files: chapters come in the order of the book.
        files = page.locator(".jp-DirListing-itemText").all_inner_texts()
        shown = [name for name in files if name.endswith(".ipynb") and name[0].isdigit()]
        assert shown == sorted(p.name for p in (ROOT / "book").glob("[0-9]*.ipynb"))

        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        handle = page.locator(".widget-slider .noUi-handle").first
        run_all_cells(page, until=handle)
        output = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea").first
        expect(output.locator("img")).to_have_count(1)
        before = picture(output)
        readout = page.locator(".widget-slider .widget-readout").first
        assert readout.inner_text() == "0.00"
        handle.focus()
        for k in range(1, 13):  # each change is drawn before the next
            source = output.locator("img").last.get_attribute("src")
            page.keyboard.press("ArrowRight")
            expect(readout).to_have_text(f"{k / 4:.2f}")
            expect(output.locator("img").last).not_to_have_attribute("src", source)
        assert changed(before, picture(output)) == (True, True)

        # The walk of the page, in a cell.
        walk = page.locator(".jp-CodeCell section").first
        walk.get_by_role("button", name="Step").press("Enter")
        expect(page.locator(".lw-numbers strong").first).to_have_text("1")
        if shots := os.environ.get("WALK_SCREENSHOTS"):
            page.screenshot(path=f"{shots}/jupyterlab.png")
        assert page.locator(".jp-OutputArea-output [data-mime-type*=error]").count() == 0
    assert faults == []
