"""The pages of a built site; _static holds templates that are none."""

from collections.abc import Callable
from pathlib import Path


def built_pages(folder: Path) -> list[Path]:
    """Return the pages in a folder."""
    static = folder / "_static"
    return [page for page in sorted(folder.rglob("*.html")) if static not in page.parents]


def rewrite(folder: Path, change: Callable[[str, Path], str]) -> None:
    """Replace the text of each page by what `change` makes of it and of the page's path."""
    for page in built_pages(folder):
        page.write_text(change(page.read_text(encoding="utf-8"), page), encoding="utf-8")
