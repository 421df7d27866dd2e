"""Mend what makes the pages harder to use with a screen reader.

Each replacement names where the markup comes from; drop it when that package mends it.
"""

from typing import Any

from sphinx.application import Sphinx

REPLACEMENTS = {
    # docutils gives an item of the bibliography a role that browsers have deprecated
    ' role="doc-biblioentry"': ' role="listitem"',
    # MyST-NB's label of a folded cell hides the words that are seen there: "Show code cell source"
    ' aria-label="Toggle hidden content"': "",
}


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Apply the replacements to the body of a page."""
    for found, better in REPLACEMENTS.items():
        if "body" in context:
            context["body"] = context["body"].replace(found, better)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True}
