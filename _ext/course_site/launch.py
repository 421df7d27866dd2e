"""The ways to run a chapter, and to write to its authors, that a page offers.

What needs the public address of the repository is offered once there is one: see `_config.yml`.
A notebook that can be downloaded begins with a cell that says what it needs beside itself.
"""

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

NOT_SET = "/OWNER/REPO"
FIRST_CELL = (
    "This notebook is a chapter of *{course}*. It needs the package `helpers`, the data and the "
    "trained networks of the course, which do not come with it. Get the folder of the course as "
    "the page «How to run it» says, run `make lab` in it, and open this chapter from there."
)


def ways(options: dict[str, Any], page: str, suffix: str) -> list[tuple[str, str]]:
    """Return labels and addresses on other sites, for the source of a page."""
    address = options.get("repository_url", "").rstrip("/")
    if not address or address.endswith(NOT_SET):
        return []
    name = address.split("/", 3)[3]
    branch, file = options.get("repository_branch", "main"), page + suffix
    launch, found = options.get("launch_buttons", {}), []
    if suffix == ".ipynb":
        colab, binder = launch["colab_url"].rstrip("/"), launch["binderhub_url"].rstrip("/")
        lab = f"{binder}/v2/gh/{name}/{branch}?urlpath=lab/tree/{file}"
        found = [("In Colab", f"{colab}/github/{name}/blob/{branch}/{file}"), ("In Binder", lab)]
    return [
        *found,
        ("The source of this page", f"{address}/blob/{branch}/{file}"),
        ("Report a mistake", f"{address}/issues/new?title=Mistake%20on%20{page}"),
    ]


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Tell the template what to offer."""
    suffix = context.get("page_source_suffix", "")
    if not suffix:
        return
    found = ways(app.config.html_theme_options, page, suffix)
    if suffix == ".ipynb":
        source = context["pathto"]("_sources/" + context["sourcename"], 1)
        how = context["pathto"]("book/how_to_run")
        found = [("On your machine: how", how), ("Download this notebook", source), *found]
    context["ways_to_run"] = found


def explain(app: Sphinx, exception: Exception | None) -> None:
    """Put the first cell into each notebook that can be downloaded."""
    if exception or app.builder.name != "html":
        return
    said = FIRST_CELL.format(course=app.config.html_title)
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["cells"][0].get("id") == "get-the-course":  # pages that were not built again
            continue
        cell = {"cell_type": "markdown", "id": "get-the-course", "metadata": {}, "source": [said]}
        notebook["cells"].insert(0, cell)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("html-page-context", offer)
    app.connect("build-finished", explain)
