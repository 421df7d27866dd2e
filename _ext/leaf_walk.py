"""The directive `leaf-walk`: a place in a page where the reader walks on a leaf.

    :::{leaf-walk} compact
    What stands there without scripts: a figure, a table.
    :::

The form is `full` or `compact`. A page without such a place loads nothing for it.
"""

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WHY = (
    "This is a still picture. The live version needs JavaScript and a page that comes from a web "
    "server, not from a file."
)


class LeafWalk(SphinxDirective):
    """Set the content in a container that `assets/walk/page.js` looks for."""

    has_content = True
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the opening tag, the content, the sentence and the closing tag."""
        choice = self.arguments[0] if self.arguments else "full"
        form = directives.choice(choice, ("full", "compact"))
        content = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, content)
        opening = nodes.raw("", f'<div class="leaf-walk" data-form="{form}">', format="html")
        opening["leaf_walk"] = True
        why = nodes.paragraph("", WHY, classes=["leaf-walk-why"])
        closing = nodes.raw("", "</div>", format="html")
        return [opening, *content.children, why, closing]


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the script and the style where the directive was used."""
    if doctree and any(node.get("leaf_walk") for node in doctree.findall(nodes.raw)):
        app.add_js_file("walk/page.js", type="module")
        app.add_css_file("walk/walk.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_directive("leaf-walk", LeafWalk)
    app.connect("html-page-context", add_files)
    return {"parallel_read_safe": True}
