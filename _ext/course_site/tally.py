"""The directive `ledger-tally`: how many claims are proved, reproduced, qualified, not reproduced.

    ```{ledger-tally} claims
    ```

The rows of the first table of the page `claims` are counted by how their verdicts begin, so that
the picture cannot say anything else than the ledger.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROW = re.compile(
    r"^\| *(\S+) *\| *\[(.+?)\]\(#(claim-[\w-]+)\) *\|[^|]*\| *(.+?) *\|$", re.MULTILINE
)
LINE = 'fill="none" stroke="currentColor" stroke-width="1.8"'
RING = f'<circle cx="8" cy="8" r="5.7" {LINE}/>'
# The name of a verdict in CSS, how it begins in the ledger, and its sign.
VERDICTS = [
    ("proved", "proved", '<rect x="2.5" y="2.5" width="11" height="11" fill="currentColor"/>'),
    ("reproduced", "reproduced", f'<path d="M2.5 8.5l3.5 4 7.5-9" {LINE}/>'),
    (
        "qualified", "holds with a qualification",
        f'{RING}<path d="M8 2.3a5.7 5.7 0 0 1 0 11.4z" fill="currentColor"/>',
    ),
    ("unreproduced", "not reproduced here", f'{RING}<path d="M3.9 12.1l8.2-8.2" {LINE}/>'),
]  # fmt: skip
MIXED = ' class="mixed"'
LEGEND = (
    "S1 to S15 are the numbered claims of the talk; letters are others, of its slides and of the "
    "papers. A dashed field has a second verdict for a part of its claim."
)


def claims(ledger: str) -> list[tuple[str, str, str, str]]:
    """Return number, words, label and verdict of each claim of the ledger."""
    return ROW.findall(ledger)


def plain(words: str) -> str:
    """Return the words of a claim without marks of mathematics and emphasis."""
    return re.sub(r"[$*]", "", words)


def letter(number: str, label: str) -> str:
    """Return what stands in the field of a claim: its number, or the first letter of its name."""
    return number if number != "–" else label.removeprefix("claim-")[0].upper()


def draw(rows: list[tuple[str, str, str, str]], page: str) -> str:
    """Return the list: a line for each verdict, a field for each claim."""
    lines = []
    for name, said, sign in VERDICTS:
        fields = [
            f'<a href="{page}.html#{label}" title="{escape(f"{plain(words)}: {verdict}")}"'
            f"{MIXED if ';' in verdict else ''}>{letter(number, label)}"
            f'<span class="visually-hidden">: {escape(plain(words))}</span></a>'
            for number, words, label, verdict in rows
            if verdict.startswith(said)
        ]
        lines.append(
            f'<div class="v-{name}"><dt><b>{len(fields)}</b> <span class="verdict">'
            f'<svg viewBox="0 0 16 16" aria-hidden="true">{sign}</svg>{said}</span></dt>'
            f'<dd class="cells">{"".join(fields)}</dd></div>'
        )
    return f'<dl class="tally">{"".join(lines)}</dl><p class="legend">{LEGEND}</p>'


class Tally(SphinxDirective):
    """Count the verdicts of the ledger that is named."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list as it stands in the page."""
        name = self.arguments[0]
        path = Path(self.env.srcdir) / Path(self.env.docname).parent / f"{name}.md"
        self.env.note_dependency(str(path))
        rows = claims(path.read_text(encoding="utf-8"))
        signs = [letter(number, label) for number, _, label, _ in rows]
        lost = [row for row in rows if not row[3].startswith(tuple(v[1] for v in VERDICTS))]
        if not rows or lost or len(set(signs)) < len(signs):
            raise self.error(
                f"{path.name}: no table of claims, an unknown verdict, or two claims "
                f"with one sign: {lost or signs}"
            )
        return [nodes.raw("", draw(rows, name), format="html")]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("ledger-tally", Tally)
