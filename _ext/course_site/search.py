"""An index for the search: prose by section, and terms, theorems and captions by themselves.

Code, its output and displayed formulas are left out: a reader looks for words. The index is a
script, so that the search also works where pages are read from files. `assets/search.js` reads it.
"""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from .back_links import PROOFS
from .formulas import as_text

Entry = dict[str, str]
LEFT_OUT = (nodes.literal_block, nodes.raw, nodes.math_block, nodes.comment)


def words(node: nodes.Node, inside: bool = False) -> str:
    """Return the text of a node without code, displays and, inside it, sections of their own."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.math):
        return as_text(node)
    if isinstance(node, LEFT_OUT) or (inside and isinstance(node, (nodes.section, nodes.title))):
        return ""
    gap = "" if isinstance(node, nodes.TextElement) else " "
    return gap.join(words(child, True) for child in node.children)


def tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def entries(doctree: nodes.document, page: str, label: str) -> list[Entry]:
    """Return what can be found on a page."""
    found = []

    def add(kind: str, anchor: str, title: str, text: str) -> None:
        if tidy(text) or kind == "section":
            entry = {"page": page, "anchor": anchor, "in": label, "kind": kind}
            found.append(entry | {"title": tidy(title), "text": tidy(text)})

    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title)
        if title is not None:
            add("section", section["ids"][0], words(title), words(section))
    for item in doctree.findall(nodes.definition_list_item):
        term = item.next_node(nodes.term)
        if term is not None and term["ids"]:
            add("term", term["ids"][0], words(term), words(item.children[-1]))
    for figure in doctree.findall(nodes.figure):
        caption = figure.next_node(nodes.caption)
        if caption is not None and figure["ids"]:
            add("figure", figure["ids"][0], words(caption).split(". ")[0], words(caption))
    for proof in doctree.findall(lambda n: isinstance(n, nodes.Element) and "realtype" in n):
        kind, title = proof["realtype"], str(proof.get("title", "")).strip("() ")
        if kind in PROOFS:
            add(kind, proof["ids"][0], title or kind.title(), words(proof))
    return found


def collect(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep the entries of a page when its references are known."""
    number = app.env.toc_secnumbers.get(page, {}).get("")
    title = app.env.titles[page].astext()
    label = f"{number[0]}. {title}" if number else title
    if page != app.config.root_doc:
        kept: dict[str, list[Entry]] = app.env.__dict__.setdefault("course_search", {})
        kept[page] = entries(doctree, page, label)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the index beside the other scripts, and take away Sphinx's own."""
    if exception or app.builder.name != "html":
        return
    kept: dict[str, list[Entry]] = app.env.__dict__.get("course_search", {})
    rows: list[Any] = [entry for page in sorted(kept) for entry in kept[page]]
    folder = Path(app.outdir)
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    (folder / "_static" / "search-index.js").write_text(f"const INDEX={text};\n", encoding="utf-8")
    (folder / "searchindex.js").unlink(missing_ok=True)


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", collect)
    app.connect("build-finished", write)
