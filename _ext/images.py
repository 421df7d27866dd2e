"""Make the pictures of the pages light: smaller files, loaded when they are needed.

After the build, every PNG becomes a WebP with the same pixels, a third of the size; pictures that
a notebook holds as text (the frames of a scrubber) become files; every picture says its size, so
that the text does not jump when it arrives; those below the first heading of a page's text are
loaded when the reader comes near them.
"""

import base64
import hashlib
import io
import os
import re
from pathlib import Path

from built_pages import rewrite
from PIL import Image
from sphinx.application import Sphinx

IMAGE = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\ssrc="([^"]*)"')
INLINE = re.compile(r"data:image/png;base64,(.+)", re.DOTALL)
LINK = re.compile(r'(<a\b[^>]*href="[^"]*_images/[^"]*)\.png"')
VIEW_BOX = re.compile(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"')


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


def mend(tag: str, page: Path, images: Path, first: bool) -> str:
    """Return the tag of a picture, with a light file, its size and its time of loading."""
    found = SOURCE.search(tag)
    if not found:
        return tag
    if inline := INLINE.fullmatch(found[1]):
        data = to_webp(base64.b64decode(inline[1]))
        path = images / f"{hashlib.sha256(data).hexdigest()[:32]}.webp"
        path.write_bytes(data)
    else:
        path = (page.parent / found[1]).resolve()
        if path.suffix == ".png" and path.parent == images:
            path = path.with_suffix(".webp")
    if not path.is_file():
        return tag
    attributes = [f' src="{os.path.relpath(path, page.parent)}"']
    pixels = size(path)
    if pixels and " width=" not in tag and " height=" not in tag:
        attributes.append(f' width="{pixels[0]}" height="{pixels[1]}"')
    if not first and " loading=" not in tag:
        attributes.append(' loading="lazy"')
    attributes.append(' decoding="async"')
    return tag[: found.start()] + "".join(attributes) + tag[found.end() :]


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Convert the files, then mend the pages."""
    if exception or app.builder.name != "html":
        return
    folder = Path(app.outdir).resolve()
    images = folder / "_images"
    for picture in images.glob("*.png"):
        picture.with_suffix(".webp").write_bytes(to_webp(picture.read_bytes()))
        picture.unlink()

    def light_page(text: str, page: Path) -> str:
        fold = text.find("<h2")

        def light(found: re.Match[str]) -> str:
            return mend(found[0], page, images, first=found.start() < fold)

        return LINK.sub(r'\1.webp"', IMAGE.sub(light, text))

    rewrite(folder, light_page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True}
