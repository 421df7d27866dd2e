"""The directive `chapter-card`: a chapter on the landing page.

    :::{chapter-card} 06_linear_regions
    :figure: fig-xor
    One sentence on what the chapter does.
    :::

Number, title and minutes come from the chapter, and the picture is one of its own figures, made
small from the output that the notebook stores.
"""

import base64
import functools
import io
import json
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SIZE = (480, 270)
INLINE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


class chapter_card(nodes.Element):
    """A card whose number, title and minutes are not known yet."""


@functools.cache
def figure(notebook: Path, name: str, changed: int) -> tuple[bytes, str]:
    """Return a figure of a notebook, by its name, and what is seen on it."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        about = cell["metadata"].get("mystnb", {})
        if about.get("figure", {}).get("name") != name:
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = "".join(data.get("image/png", ""))
            frames = INLINE.findall("".join(data.get("text/html", "")))
            if text or frames:
                seen = about.get("image", {}).get("alt", "")
                return base64.b64decode(text or frames[0]), " ".join(seen.split())
    raise ValueError(f"{notebook.name} has no stored figure {name}")


def thumbnail(data: bytes) -> bytes:
    """Return a small picture, on white, of the shape that all cards have."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    card = Image.new("RGB", SIZE, "white")
    card.paste(picture, ((SIZE[0] - picture.width) // 2, (SIZE[1] - picture.height) // 2))
    target = io.BytesIO()
    card.save(target, "WEBP", quality=80, method=6)
    return target.getvalue()


class ChapterCard(SphinxDirective):
    """Keep the sentence and the name of the figure until the chapters are read."""

    has_content = True
    required_arguments = 1
    option_spec = {"figure": directives.unchanged_required}  # noqa: RUF012  (docutils' own way)

    def run(self) -> list[nodes.Node]:
        """Return a card with the sentence in it."""
        card = chapter_card()
        name = self.arguments[0]
        card["page"] = f"{self.env.docname.rpartition('/')[0]}/{name}".lstrip("/")
        notebook = Path(self.env.srcdir) / f"{card['page']}.ipynb"
        self.env.note_dependency(str(notebook))
        try:
            changed = notebook.stat().st_mtime_ns
            card["picture"], card["alt"] = figure(notebook, self.options["figure"], changed)
        except (OSError, ValueError) as error:
            raise self.error(str(error)) from error
        self.state.nested_parse(self.content, self.content_offset, card)
        return [card]


def fill(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the cards of a page together."""
    for card in list(doctree.findall(chapter_card)):
        name = card["page"]
        number = app.env.toc_secnumbers.get(name, {}).get("")
        title = escape(app.env.titles[name].astext())
        title = f"{number[0]} {title}" if number else title
        link = app.builder.get_relative_uri(page, name)
        minutes = app.env.metadata.get(name, {}).get("reading_minutes")
        folder = Path(app.outdir) / "_images"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"card-{Path(name).name}.webp"
        file.write_bytes(thumbnail(card["picture"]))
        up = "../" * page.count("/")
        alt = re.split(r"(?<=[.:]) ", card["alt"])[0]
        start = (
            f'<div class="chapter-card"><img src="{up}_images/{file.name}" '
            f'alt="{escape(alt, quote=True)}" width="{SIZE[0]}" height="{SIZE[1]}">'
            f'<p class="chapter-card-title"><a href="{escape(link)}">{title}</a></p>'
        )
        time = f'<p class="chapter-card-time">{minutes} minutes to read</p>' if minutes else ""
        card.replace_self(
            [
                nodes.raw("", start, format="html"),
                *card.children,
                nodes.raw("", f"{time}</div>", format="html"),
            ]
        )


def leave_out(self: Any, node: nodes.Node) -> None:
    """Other builders than HTML show nothing."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_node(chapter_card, html=(leave_out, None))
    app.add_directive("chapter-card", ChapterCard)
    app.connect("doctree-resolved", fill)
