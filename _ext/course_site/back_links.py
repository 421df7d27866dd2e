"""Show what refers to what: places to claims and theorems, and tests to claims.

Under each claim of the ledger, and under each theorem, stands where it is referred to; at the end
of the ledger, for each test, which claims name it. All is read from the pages at build time.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PROOFS = ("theorem", "lemma", "proposition", "corollary", "definition")
Place = tuple[str, str, str]  # page, id and title of a section


def target(node: addnodes.pending_xref) -> str:
    """Return the label that a reference names, if it is a claim or a theorem."""
    if node.get("refdomain") == "prf":
        return node["reftarget"]
    name = node.get("reftargetid") or str(node.get("reftarget", "")).rpartition("#")[2]
    return name if name.startswith("claim-") else ""


def place(node: nodes.Node, page: str) -> Place:
    """Return the section in which a node stands."""
    while not (isinstance(node, nodes.section) or node.parent is None):
        node = node.parent
    if isinstance(node, nodes.section) and isinstance(node.parent, nodes.section):
        return page, node["ids"][0], node[0].astext()
    return page, "", ""


def collect(app: Sphinx, env: BuildEnvironment) -> None:
    """Read the references of every page; `course_back_links` maps a label to places."""
    found: dict[str, list[Place]] = {}
    for page in sorted(env.found_docs):
        for node in env.get_doctree(page).findall(addnodes.pending_xref):
            if name := target(node):
                here = place(node, page)
                if here not in found.setdefault(name, []):
                    found[name].append(here)
    env.course_back_links = found  # type: ignore[attr-defined]


def sentence(app: Sphinx, page: str, places: list[Place]) -> nodes.paragraph:
    """Return «Referred to in …» with a link to each place."""
    numbers, titles = app.env.toc_secnumbers, app.env.titles
    words = nodes.paragraph("", "", nodes.inline("", "Referred to in: "), classes=["back-links"])
    for k, (other, anchor, title) in enumerate(places):
        number = numbers.get(other, {}).get("")
        name = f"chapter {number[0]}" if number else titles[other].astext()
        title = re.sub(r"^\d+\.\s+", "", title)
        parts = ([] if other == page else [name]) + ([f"“{title}”"] if title else [])
        text = nodes.inline("", ", ".join(parts) or "the start of this page")
        if k:
            words += nodes.Text("; ")
        words += make_refnode(app.builder, page, other, anchor, text)
    return words


def tests(ledger: nodes.document) -> nodes.bullet_list:
    """Return the tests that the claims of a ledger name, each with links to these claims."""
    claims: dict[str, list[tuple[str, str]]] = {}  # id and title of each claim
    for section in ledger.findall(nodes.section):
        name = next((name for name in section["ids"] if name.startswith("claim-")), "")
        for paragraph in section.children:
            if name and paragraph.astext().startswith("Test: "):
                for test in paragraph.findall(nodes.literal):
                    claims.setdefault(test.astext(), []).append((name, section[0].astext()))
    rows = nodes.bullet_list(classes=["tests"])
    for test in sorted(claims):
        words = nodes.paragraph("", "", nodes.literal("", test), nodes.Text(": "))
        for k, (name, title) in enumerate(claims[test]):
            words += nodes.Text("; " if k else "")
            words += nodes.reference("", title, refid=name, internal=True)
        rows += nodes.list_item("", words)
    return rows


def show(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Add the sentences to a page."""
    found = getattr(app.env, "course_back_links", {})
    for section in list(doctree.findall(nodes.section)):
        names = {name for name in section["ids"] if name.startswith("claim-")}
        # The ledger's own table is not worth a link.
        places = [p for name in names for p in found.get(name, []) if p[0] != page or p[1]]
        if places:
            section += sentence(app, page, places)
        if "what-a-test-holds-up" in section["ids"]:
            section += tests(doctree)
    for proof in list(doctree.findall(lambda n: type(n).__name__.startswith(PROOFS))):
        own = place(proof, page)
        places = [p for p in found.get(str(proof.get("label", "")), []) if p != own]
        if places and proof.parent is not None:
            proof.parent.insert(proof.parent.index(proof) + 1, sentence(app, page, places))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("env-updated", collect)
    app.connect("doctree-resolved", show)
