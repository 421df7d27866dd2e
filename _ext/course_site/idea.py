"""The living idea: a figure of class `idea` holds its picture in the page, where a script moves it.

    ```{figure} figures/idea.svg
    :figclass: idea
    ```

So the picture takes the colours of the page. Without scripts it stands still, without its controls.
"""

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

CONTROLS = """<div class="below">
<p>Drag <i>x</i> along the <b class="c-leaf">solid</b> line and the answer of the network changes;
along the <b class="c-fibre">dashed</b> line it stays the same. The walls move, too.</p>
<div class="chance"><span>first class</span> <span class="track"></span> <b></b></div>
<div class="tries">
<button type="button" class="c-leaf" data-along="leaf">walk along the leaf</button>
<button type="button" class="c-fibre" data-along="fibre">walk along the fibre</button>
<button type="button" data-again>start again</button></div>
<p class="says visually-hidden" aria-live="polite"></p></div>
<noscript><style>.idea .below { display: none }</style></noscript>"""


def find(doctree: nodes.Node) -> list[nodes.figure]:
    """Return the figures that are to live."""
    return [figure for figure in doctree.findall(nodes.figure) if "idea" in figure["classes"]]


def set_in_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the text of the picture in the place of its image."""
    if app.builder.format != "html":
        return
    for figure in find(doctree):
        image = figure.next_node(nodes.image)
        path = Path(app.srcdir) / image["uri"]
        svg = path.read_text(encoding="utf-8")
        said = f'role="group" aria-label="The idea in a plane"><desc>{escape(image["alt"])}</desc>'
        svg = svg.replace(">", f" {said}", 1)
        image.replace_self(nodes.raw("", svg + CONTROLS, format="html"))


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the script where there is such a figure."""
    if doctree and find(doctree):
        app.add_js_file("idea.js")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", set_in_page)
    app.connect("html-page-context", add_script)
