"""The directive `chapter-costs`: memory and time of each chapter, by `bench/chapters.py`."""

import json
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MEASURED = Path(__file__).resolve().parents[2] / "bench" / "chapters.json"


@cache
def costs() -> dict[str, dict[str, float]]:
    """Return peak memory in GiB and processor time in seconds of each chapter."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))["chapters"]


class Costs(SphinxDirective):
    """A table of all chapters."""

    def run(self) -> list[nodes.Node]:
        """Return the table, with links to the chapters."""
        self.env.note_dependency(str(MEASURED))
        lines = ["| chapter | peak memory | processor time |", "|---|---|---|"]
        lines += [
            # A chapter's file begins with its number.
            f"| {re.sub(r'^0+|[^0-9].*', '', name)} [](<{name}.ipynb>) "
            f"| {cost['gib']} GiB | {cost['seconds']} s |"
            for name, cost in costs().items()
        ]
        place = nodes.container()
        self.state.nested_parse(StringList(lines, source=""), self.content_offset, place)
        return place.children


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("chapter-costs", Costs)
