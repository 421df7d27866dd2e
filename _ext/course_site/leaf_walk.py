"""The directives `leaf-walk` and `leaf-fan`: places in a page that compute what they show.

    :::{leaf-walk} compact
    What stands there without scripts: a figure, a table.
    :::

In the first the reader walks on a leaf; its form is `full` or `compact`. In the second the reader
turns the leaves on both sides of a wall. A page without such a place loads nothing for it.
"""

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

NEEDS = "needs JavaScript and a page that comes from a web server, not from a file."


class LivePlace(SphinxDirective):
    """Set the content in a container that a script of `assets/walk` looks for."""

    has_content = True
    script = ""
    why = f"The live picture {NEEDS}"

    def attributes(self) -> str:
        """Return what the container says to the script."""
        return ""

    def run(self) -> list[nodes.Node]:
        """Return the opening tag, the content, the sentence and the closing tag."""
        content = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, content)
        opening = nodes.raw("", f'<div class="{self.name}"{self.attributes()}>', format="html")
        opening["script"] = self.script
        why = nodes.paragraph("", self.why, classes=["leaf-walk-why"])
        closing = nodes.raw("", "</div>", format="html")
        return [opening, *content.children, why, closing]


class LeafWalk(LivePlace):
    """The walk on a leaf."""

    optional_arguments = 1
    script = "walk/page.js"
    why = f"This is a still picture. The live version {NEEDS}"

    def attributes(self) -> str:
        """Return the form, checked."""
        choice = self.arguments[0] if self.arguments else "full"
        return f' data-form="{directives.choice(choice, ("full", "compact"))}"'


class LeafFan(LivePlace):
    """The leaves on both sides of a wall."""

    script = "walk/fan.js"


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the scripts and the style where a directive was used."""
    places = doctree.findall(nodes.raw) if doctree else ()
    scripts = {place["script"] for place in places if place.get("script")}
    for script in sorted(scripts):
        app.add_js_file(script, type="module")
    if scripts:
        app.add_css_file("walk/walk.css")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("leaf-walk", LeafWalk)
    app.add_directive("leaf-fan", LeafFan)
    app.connect("html-page-context", add_files)
