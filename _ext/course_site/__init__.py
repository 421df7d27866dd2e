"""What the course adds to Sphinx: each module says at its top what it does."""

from sphinx.application import Sphinx

from . import (
    back_links,
    chapter_cards,
    costs,
    formulas,
    head,
    idea,
    label_links,
    launch,
    leaf_walk,
    opening,
    pages,
    palette,
    reading_time,
    search,
    style,
    tables,
    tally,
)

PARTS = (
    launch, label_links, leaf_walk, idea, head, reading_time, opening, back_links, chapter_cards,
    costs, formulas, tables, tally, palette, search, style,
    pages,  # last: it mends what the others have written
)  # fmt: skip


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all parts to Sphinx."""
    for part in PARTS:
        part.setup(app)
    return {"parallel_read_safe": True}
