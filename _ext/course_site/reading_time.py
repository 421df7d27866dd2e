"""How long a page takes to read, for its opening and for its card.

The time is computed from what is on the page: words of the text, formulas in lines of their own,
lines of code and figures. Exercises are work, not reading, and are left out.
"""

from docutils import nodes
from sphinx.application import Sphinx

# Minutes. Mathematics is read slowly, at half of the speed of a newspaper.
WORD = 1 / 140
FORMULA = 1 / 4
LINE_OF_CODE = 1 / 25
FIGURE = 1 / 3
STEP = 15  # more would claim to know the reader
SKIPPED = (nodes.raw, nodes.target, nodes.comment)


def is_exercises(node: nodes.Node) -> bool:
    """Whether a section holds the exercises of a chapter."""
    return isinstance(node, nodes.section) and node.astext().lower().startswith("exercises")


def minutes(node: nodes.Node) -> float:
    """Return the time that a node takes, with all that is in it."""
    if is_exercises(node):
        return 0
    if isinstance(node, nodes.Text):
        return len(node.astext().split()) * WORD
    if isinstance(node, nodes.math_block):
        return FORMULA
    if isinstance(node, nodes.image):
        return FIGURE
    if isinstance(node, nodes.literal_block):
        return len(node.astext().splitlines()) * LINE_OF_CODE
    if isinstance(node, SKIPPED):
        return 0
    return sum(minutes(child) for child in node.children)


def measure(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the time of each page when it is read."""
    rounded = STEP * max(1, round(minutes(doctree) / STEP))
    app.env.metadata[app.env.docname]["reading_minutes"] = rounded


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-read", measure)
