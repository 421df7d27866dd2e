"""The looks of the pages: our own styles and scripts, in place of the theme's and the extensions'.

`tokens.css` is made from `helpers/tokens.json`. Other packages bring 500 kB of styles and scripts,
Bootstrap and Font Awesome among them; the template and `assets/book.css` need none of it.
"""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from helpers import tokens

# Files of `_static` that a page may ask for.
STYLES = ("tokens.css", "math.css", "book.css", "walk/")
SCRIPTS = (
    "documentation_options.js",
    "clipboard.min.js",
    "copybutton.js",
    "vendor/",
    "widgets.js",
    "walk/",
    "idea.js",
    "book.js",
)


def own(files: list[Any], names: tuple[str, ...]) -> list[Any]:
    """Return those files that are ours, or that we use."""
    wanted = tuple(f"_static/{name}" for name in names)
    return [file for file in files if str(file.filename or "").startswith(wanted)]


def choose(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out what the template does not use."""
    context["css_files"] = own(context["css_files"], STYLES)
    inline = [script for script in context["script_files"] if not script.filename]
    # Ours, and the state of widgets, which is data.
    ours = [s for s in inline if {"data-course", "type"} & set(s.attributes)]
    context["script_files"] = ours + own(context["script_files"], SCRIPTS)


def write_tokens(app: Sphinx, exception: Exception | None) -> None:
    """Write the style sheet of the tokens beside the pages."""
    if not exception and app.builder.name == "html":
        made = f"/* Made by _ext/course_site/style.py from helpers/tokens.json */\n{tokens.css()}"
        (Path(app.outdir) / "_static" / "tokens.css").write_text(made, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_css_file("tokens.css", priority=100)
    app.connect("html-page-context", choose, priority=900)
    app.connect("build-finished", write_tokens)
