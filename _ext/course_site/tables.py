"""Give the columns of a table their widths before the browser has read its last row.

Otherwise a table that is still arriving changes all its columns with each row that is wider, and
the page moves. The widths are those that browsers give by themselves: each column gets what its
longest word needs, and what is left is divided by what the whole texts need.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

LINE = 90  # letters in a line of the page, about


def text(cell: nodes.entry) -> str:
    """Return about as many letters as a cell takes: formulas are short, code and headings wide."""
    seen = cell.astext()
    for part in cell.findall(nodes.math):
        shown = re.sub(r"\\[a-zA-Z]+|[{}_^$\s]", "", part.astext())
        seen = seen.replace(part.astext(), shown or "x")
    for part in cell.findall(nodes.literal):
        seen = seen.replace(part.astext(), part.astext() + "x" * (len(part.astext()) // 3))
    return re.sub(r"(\w+)", r"\1x", seen) if isinstance(cell.parent.parent, nodes.thead) else seen


def widths(table: nodes.table) -> list[int]:
    """Return the widths of the columns in per cent."""
    columns = zip(*([text(cell) for cell in row.children] for row in table.findall(nodes.row)),
                  strict=True)  # fmt: skip
    least, most = [], []
    for column in columns:
        least.append(2 + max(len(word) for cell in column for word in cell.split() or [""]))
        most.append(2 + max(len(line) for cell in column for line in cell.splitlines() or [""]))
    more = [b - a for a, b in zip(least, most, strict=True)]
    room = min(max(LINE - sum(least), 0), sum(more)) / (sum(more) or 1)
    found = [a + room * b for a, b in zip(least, more, strict=True)]
    return [round(100 * width / sum(found)) for width in found]


class Columns(SphinxPostTransform):
    """Write the widths where the writer of HTML looks for them."""

    default_priority = 900
    formats = ("html",)

    def run(self, **_: Any) -> None:
        for table in self.document.findall(nodes.table):
            merged = any(
                "morecols" in cell or "morerows" in cell for cell in table.findall(nodes.entry)
            )
            if "colwidths-auto" not in table["classes"] or merged:
                continue
            for column, width in zip(table.findall(nodes.colspec), widths(table), strict=True):
                column["colwidth"] = width
            table["classes"].remove("colwidths-auto")  # that MyST gives every table
            table["classes"].append("colwidths-given")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_post_transform(Columns)
