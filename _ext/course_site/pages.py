"""Mend the built pages, put cards beside links, and take away the files that no page uses.

Markup of other packages that is not valid, or hard to use with a screen reader, is repaired; each
repair says where the markup comes from, and warns when it finds nothing any more: then it can go.
Pictures become light: a PNG a WebP with the same pixels, a third of the size; the frames that a
notebook holds as text become files; every picture says its size, so that the text does not jump
when it arrives; those below the first heading are loaded when the reader comes near them.
"""

import base64
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging

from . import cards

logger = logging.getLogger(__name__)

INLINE = re.compile(r"data:image/png;base64,(.+)", re.DOTALL)
VIEW_BOX = re.compile(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"')
CSS_FILE = re.compile(r"url\(\s*[\"']?([^\"')]+)")


def without(name: str) -> Callable[[Tag], None]:
    """Return a repair that takes an attribute away."""

    def mend(tag: Tag) -> None:
        del tag[name]

    return mend


def as_list_item(tag: Tag) -> None:
    tag["role"] = "listitem"


def as_phrase(tag: Tag) -> None:
    tag.name = "span"


REPAIRS: list[tuple[str, Callable[[Tag], None]]] = [
    # docutils gives an item of the bibliography a role that browsers have deprecated
    ('[role="doc-biblioentry"]', as_list_item),
    # MyST-NB's label of a folded cell hides the words that are seen there: "Show code cell source"
    ('[aria-label="Toggle hidden content"]', without("aria-label")),
    # MyST-NB puts paragraphs into a summary, which holds phrases only
    ("summary p.collapsed", as_phrase),
    ("summary p.expanded", as_phrase),
    # Sphinx makes the names of the parts headings, in a menu before the page's own
    (".menu p.caption", without("role")),
    (".menu p.caption", without("aria-level")),
    # sphinx-proof gives every proof, and every text of a theorem, the same id
    ("#proof", without("id")),
    ("#proof-content", without("id")),
]


# ---- Pictures -------------------------------------------------------------------------------


def to_webp(data: bytes) -> bytes:
    """Return a PNG picture as WebP, without loss."""
    stored = Image.open(io.BytesIO(data))
    image = stored.convert("RGBA" if stored.mode in ("RGBA", "LA", "P") else "RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    target = io.BytesIO()
    image.save(target, "WEBP", lossless=True, quality=60, method=2, exact=True)
    return target.getvalue()


def size(path: Path) -> tuple[int, int] | None:
    """Return width and height of a picture, if they are known."""
    if path.suffix == ".svg":
        found = VIEW_BOX.search(path.read_text(encoding="utf-8"))
        return (round(float(found[1])), round(float(found[2]))) if found else None
    with Image.open(path) as image:
        return image.size


def light_picture(tag: Tag, page: Path, images: Path, first: bool) -> None:
    """Give a picture a light file, its size and its time of loading."""
    address = str(tag.get("src", ""))
    if inline := INLINE.fullmatch(address):
        data = to_webp(base64.b64decode(inline[1]))
        path = images / f"{hashlib.sha256(data).hexdigest()[:32]}.webp"
        path.write_bytes(data)
    else:
        path = (page.parent / address).resolve()
        if path.suffix == ".png" and path.parent == images:
            path = path.with_suffix(".webp")
    if not path.is_file():
        return
    tag["src"] = Path(os.path.relpath(path, page.parent)).as_posix()
    if (pixels := size(path)) and not tag.get("width") and not tag.get("height"):
        tag["width"], tag["height"] = map(str, pixels)
    if not first:
        tag.attrs.setdefault("loading", "lazy")
    tag["decoding"] = "async"


def light_pictures(soup: BeautifulSoup, page: Path, images: Path) -> None:
    """Mend the pictures of a page, and the links that lead to one."""
    second = soup.find("h2")
    before = set(map(id, second.find_all_previous("img"))) if isinstance(second, Tag) else set()
    for tag in soup.find_all("img"):
        light_picture(tag, page, images, first=id(tag) in before)
    for link in soup.select('a[href*="_images/"][href$=".png"]'):
        link["href"] = str(link["href"]).removesuffix(".png") + ".webp"


# ---- Files that nobody asks for -------------------------------------------------------------


def loaded(soup: BeautifulSoup, page: Path) -> set[Path]:
    """Return the files that a page names."""
    named = [tag[name] for name in ("src", "href") for tag in soup.select(f"[{name}]")]
    addresses = (str(address).split("#")[0].split("?")[0] for address in named)
    return {(page.parent / address).resolve() for address in addresses if address}


def clear(static: Path, used: set[Path], ours: Path) -> None:
    """Take away the files of `static` that are not ours and that neither page nor style names."""
    for sheet in [path for path in used if path.suffix == ".css" and path.is_file()]:
        names = CSS_FILE.findall(sheet.read_text(encoding="utf-8"))
        used |= {(sheet.parent / name).resolve() for name in names if not name.startswith("data:")}
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in used and not (ours / path.relative_to(static)).exists():
            path.unlink()


# ---- Sphinx ---------------------------------------------------------------------------------


def built_pages(folder: Path) -> list[Path]:
    """Return the pages in a folder; _static may hold templates that are none."""
    static = folder / "_static"
    return [page for page in sorted(folder.rglob("*.html")) if static not in page.parents]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Convert the pictures, mend the pages, clear the files."""
    if exception or app.builder.name != "html":
        return
    folder = Path(app.outdir).resolve()
    images = folder / "_images"
    for picture in images.glob("*.png"):
        picture.with_suffix(".webp").write_bytes(to_webp(picture.read_bytes()))
        picture.unlink()
    met: Counter[str] = Counter()
    used: set[Path] = set()
    shown: dict[str, cards.Card] = {}
    for page in built_pages(folder):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for selector, mend in REPAIRS:
            for tag in soup.select(selector):
                met[selector] += 1
                mend(tag)
        light_pictures(soup, page, images)
        used |= loaded(soup, page)
        shown |= cards.collect(soup, page.relative_to(folder).as_posix())
        page.write_text(str(soup), encoding="utf-8")
    for page in built_pages(folder):
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        if cards.place(soup, page.relative_to(folder).as_posix(), shown):
            page.write_text(str(soup), encoding="utf-8")
    if app.config.warn_of_idle_repairs:
        for selector, _ in REPAIRS:
            if not met[selector]:
                logger.warning("no page has %s any more: take the repair away", selector)
    clear(folder / "_static", used, Path(app.srcdir) / "assets")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_config_value("warn_of_idle_repairs", True, "html")
    app.connect("build-finished", finish, priority=900)
