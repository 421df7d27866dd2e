"""Mend markup of other packages that is not valid, or is hard to use with a screen reader.

Each replacement says where the markup comes from; drop it when that package mends it.
"""

import re
from pathlib import Path

from built_pages import rewrite
from sphinx.application import Sphinx

REPLACEMENTS = [
    # docutils gives an item of the bibliography a role that browsers have deprecated
    (re.compile(' role="doc-biblioentry"'), ' role="listitem"'),
    # MyST-NB's label of a folded cell hides the words that are seen there: "Show code cell source"
    (re.compile(' aria-label="Toggle hidden content"'), ""),
    # MyST-NB puts paragraphs into a summary, which holds phrases only
    (
        re.compile(
            r'(<summary[^>]*>\s*)<p class="(collapsed|expanded)([^"]*)">(.*?)</p>', re.DOTALL
        ),
        r'\1<span class="\2\3">\4</span>',
    ),
    (
        re.compile(r'(</span>\s*)<p class="(collapsed|expanded)([^"]*)">(.*?)</p>(\s*</summary>)'),
        r'\1<span class="\2\3">\4</span>\5',
    ),
    # sphinx-proof gives every proof, and every text of a theorem, the same id
    (re.compile(r'(<(?:section|div) class="[^"]*") id="proof(?:-content)?"'), r"\1"),
    # The theme unfolds the second page of a chapter with a sign that has no name
    (
        re.compile(r'<summary>(<span class="toctree-toggle")'),
        r'<summary aria-label="More pages of this chapter">\1',
    ),
    # The theme's label of the search button hides the words that are seen there
    (re.compile(r'(<button[^>]*search-button-field[^>]*?) aria-label="Search"'), r"\1"),
    # The theme asks not to correct a search, in a way of one browser only
    (re.compile(r'\s*autocorrect="off"'), ""),
]


def mend(app: Sphinx, exception: Exception | None) -> None:
    """Apply the replacements to every page."""
    if exception or app.builder.name != "html":
        return

    def better_page(text: str, page: Path) -> str:
        for found, better in REPLACEMENTS:
            text = found.sub(better, text)
        return text

    rewrite(Path(app.outdir), better_page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True}
