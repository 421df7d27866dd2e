"""The directive `palette`: the colours and lines of the course, as they look on this page.

```{palette} leaf fibre noise
```
"""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from helpers.tokens import TOKENS


def swatch(name: str) -> str:
    """Return a short line in the colour, width and dash of a thing."""
    line = TOKENS["line"].get(name, {"dash": "none", "width": 6})
    return (
        f'<svg class="swatch" viewBox="0 0 64 16" aria-hidden="true"><path d="M2 8H62" '
        f'style="stroke:var(--{name})" stroke-width="{line["width"]}" '
        f'stroke-dasharray="{line["dash"]}" stroke-linecap="{line.get("cap", "butt")}"/></svg>'
    )


class Palette(SphinxDirective):
    """List the colours that are named, with what each is for."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the list as it stands in the page."""
        rows = []
        for name in self.arguments[0].split():
            if name not in TOKENS["colour"]:
                raise self.error(f"no colour {name} in helpers/tokens.json")
            use = escape(TOKENS["colour"][name].get("use", ""))
            rows.append(f"<div><dt>{swatch(name)} {name}</dt><dd>{use}</dd></div>")
        return [nodes.raw("", f'<dl class="palette">{"".join(rows)}</dl>', format="html")]


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_directive("palette", Palette)
