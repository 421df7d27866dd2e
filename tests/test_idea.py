"""The living idea of the first screen, checked by the definitions, with code that shares nothing.

The picture says where its walls are, and the script which numbers the network has beside
them; the rest is recomputed here.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page
from serve import ROOT
from web import axe_faults, serve, settle, visit

from helpers import tokens

pytestmark = pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning")
ROUNDED = 0.1  # the picture has coordinates to a tenth of a pixel


def pieces(path: str) -> np.ndarray:
    """Return the straight pieces of a path, as an array of (pieces, 2 ends, 2 coordinates)."""
    numbers = np.array([float(v) for v in re.findall(r"-?[\d.]+", path)])
    return numbers.reshape(-1, 2, 2)


class Picture:
    """What is drawn, and the function whose lines it should show."""

    def __init__(self, svg: str) -> None:
        drawn = BeautifulSoup(svg, "html.parser")
        self.lines = {
            name: pieces(drawn.select_one(f"path.{name}")["d"])
            for name in ("leaves", "fibres", "leaf", "fibre")
        }
        self.x = np.array(
            [float(v) for v in re.findall(r"-?[\d.]+", drawn.select_one(".point")["transform"])]
        )
        script = (ROOT / "assets" / "idea.js").read_text(encoding="utf-8")
        said = {
            name: [float(v) for v in re.search(rf"{name} = \[(.*?)\]", script)[1].split(",")]
            for name in ("SLOPE", "OUT")
        }
        self.slope, self.out = np.array(said["SLOPE"]), np.array(said["OUT"])
        walls = np.concatenate([pieces(wall["d"]) for wall in drawn.select("path.wall")])
        self.places = np.concatenate([self.x, walls.ravel()])
        along = walls[:, 1] - walls[:, 0]
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        self.normals = np.column_stack([-along[:, 1], along[:, 0]])
        self.offsets = (self.normals * walls[:, 0]).sum(1)

    def value(self, p: np.ndarray) -> np.ndarray:
        """Return f at points (…, 2)."""
        return p @ self.slope + np.maximum(p @ self.normals.T - self.offsets, 0) @ self.out

    def slopes(self, p: np.ndarray) -> np.ndarray:
        """Return the gradient of f at points (…, 2), from differences."""
        return np.stack(
            [(self.value(p + e) - self.value(p - e)) / 2e-4 for e in 1e-4 * np.eye(2)], axis=-1
        )


def drawing_faults(picture: Picture) -> list[str]:
    """Return what the lines of a picture have that leaves and fibres have not."""
    faults = []
    for name, lines in picture.lines.items():
        lengths = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
        kept = lines[lengths > 12]  # in shorter ones the rounding of the ends is an angle
        way = kept[:, 1] - kept[:, 0]
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        if len(kept) == 0:
            faults.append(f"{name}: nothing to check")
        across = np.column_stack([-way[:, 1], way[:, 0]])
        for t in (0.1, 0.5, 0.9):  # a piece that left its region would have another gradient there
            gradient = picture.slopes(kept[:, 0] + t * (kept[:, 1] - kept[:, 0]))
            gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
            off = np.abs(((across if name in ("leaves", "leaf") else way) * gradient).sum(1))
            if off.max() > 0.02:
                faults.append(f"{name}: {off.max():.3f} off its direction")
        if name in ("leaf", "fibre"):
            from_x = picture.x - lines[:, 0]
            part = np.clip((from_x * (lines[:, 1] - lines[:, 0])).sum(1) / lengths**2, 0, 1)
            feet = lines[:, 0] + part[:, None] * (lines[:, 1] - lines[:, 0])
            if np.linalg.norm(picture.x - feet, axis=1).min() > 2 * ROUNDED:
                faults.append(f"the {name} does not pass through x")
    levels = picture.value(picture.lines["fibre"])
    if np.ptp([*levels.ravel(), picture.value(picture.x)]) > 6 * ROUNDED:
        faults.append(f"f changes along the fibre by {np.ptp(levels):.2f}")
    (leaf,) = picture.lines["leaf"]
    for end in leaf:
        to_wall = np.abs(picture.normals @ end - picture.offsets).min()
        to_frame = min(*end, 720 - end[0], 440 - end[1])
        if min(to_wall, to_frame) > 2 * ROUNDED:
            faults.append(f"the leaf ends at {end}, where nothing is")
    return faults


def test_still_picture() -> None:
    svg = (ROOT / "book" / "figures" / "idea.svg").read_text(encoding="utf-8")
    assert drawing_faults(Picture(svg)) == []
    for name in ("fibre", "leaf"):  # a line that is moved is none of x any more
        moved = re.sub(rf'(class="line {name}" d="M)[\d.]+', r"\g<1>300.0", svg)
        assert moved != svg and drawing_faults(Picture(moved)) != []


def chance(page: Page) -> float:
    return float(page.inner_text(".chance b"))


def drawn(page: Page) -> Picture:
    return Picture(page.eval_on_selector(".idea-picture", "(svg) => svg.outerHTML"))


# Where to take hold of a part: at its place, a wall at a quarter of its length; not on the frame.
HOLD = """(part) => {
  const [, x, y] = /\\((\\S+) (\\S+)\\)/.exec(part.getAttribute("transform")) || [];
  const at = x ? { x: +x, y: +y } : part.getPointAtLength(part.getTotalLength() / 4);
  return [Math.min(Math.max(at.x, 5), 715), Math.min(Math.max(at.y, 5), 435)];
}"""


def drag(page: Page, what: str, to: tuple[float, float]) -> None:
    """Drag a part to a place in the coordinates of the picture."""
    page.locator(what).scroll_into_view_if_needed()
    box = page.locator(".idea-picture").bounding_box()
    scale = box["width"] / 720
    start = page.locator(what).evaluate(HOLD)
    page.mouse.move(box["x"] + scale * start[0], box["y"] + scale * start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + scale * to[0], box["y"] + scale * to[1], steps=4)
    page.mouse.up()


def test_living_picture(site: Path, browser: Browser) -> None:
    """After every move the lines are leaves and fibres of the network that is shown."""
    base = serve(site)
    with browser.new_context(reduced_motion="reduce") as context:
        page, faults = visit(context, f"{base}book/index.html", base)
        page.wait_for_selector(".idea.live")
        at_first = drawn(page)
        svg = (ROOT / "book" / "figures" / "idea.svg").read_text(encoding="utf-8")
        for name, lines in Picture(svg).lines.items():
            assert np.array_equal(lines, at_first.lines[name]), f"{name}: not as in the file"
        seen = [chance(page)]
        page.click("[data-along=fibre]")
        assert not np.allclose(drawn(page).x, at_first.x)
        assert chance(page) == seen[0], "the answer changed along the fibre"
        page.click("[data-again]")
        page.click("[data-along=leaf]")
        seen.append(chance(page))
        page.click("[data-along=leaf]")  # the other way
        seen.append(chance(page))
        assert min(seen[1:]) + 0.05 < seen[0] < max(seen[1:]) - 0.05
        page.click("[data-again]")
        assert chance(page) == seen[0]
        for what, to in (
            (".point", (480, 250)),
            (".knob >> nth=1", (560, 440)),
            (".grip >> nth=2", (300, 330)),
        ):
            before = drawn(page)
            drag(page, what, to)
            after = drawn(page)
            assert not np.array_equal(before.places, after.places), f"{what}: nothing moved"
            assert drawing_faults(after) == [], what
            ends = []
            for _ in range(2):  # both ways along the fibre, over all its walls
                page.click("[data-along=fibre]")
                ends.append(drawn(page).x)
            assert not np.allclose(*ends)
            assert after.value(np.array(ends)) == pytest.approx(after.value(after.x), abs=0.3)
        page.focus(".point")
        x = drawn(page).x
        page.keyboard.press("ArrowLeft")
        assert drawn(page).x == pytest.approx(x - (8, 0), abs=ROUNDED)
        assert "across" in page.get_attribute(".point", "aria-valuetext")
        page.click("[data-again]")
        assert "6 regions" in page.inner_text(".idea .says")
        assert "six regions" in page.text_content(".idea-picture desc")
        settle(page)
        assert axe_faults(page, {"include": [[".idea"]]}) == []
        assert faults == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_the_page(site: Path, browser: Browser, theme: tokens.Mode) -> None:
    base = serve(site)
    with browser.new_context(color_scheme=theme) as context:
        page, _ = visit(context, f"{base}book/index.html", base)
        for name in ("leaf", "fibre", "wall"):
            found = page.eval_on_selector(f"path.{name}", "(path) => getComputedStyle(path).stroke")
            wanted = tuple(int(tokens.colour(name, theme)[k : k + 2], 16) for k in (1, 3, 5))
            assert found == f"rgb{wanted}", name


def test_without_scripts(site: Path, browser: Browser) -> None:
    """The picture stands, and nothing is offered that would do nothing."""
    base = serve(site)
    with browser.new_context(java_script_enabled=False) as context:
        page, _ = visit(context, f"{base}book/index.html", base)
        assert page.locator(".idea-picture .leaf").is_visible()
        assert not page.locator(".idea button").first.is_visible()
        assert page.locator(".idea [tabindex]").count() == 0
