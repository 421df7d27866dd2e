"""The opening of a chapter: its part, what it promises, what it takes, what one can do afterwards.

Nothing of it is typed: the part is from the contents, reading time as measured, the time
for the exercises from their titles, the running time from `bench/chapters.json`, what is needed
from the table «Before you start». The goals become rows with links to their sections.
"""

import re
from collections.abc import Iterator
from html import escape

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .costs import costs
from .reading_time import is_exercises

WHERE = re.compile(r"^(.*?)(?: \((sections? [\d, and to]+)\))?[;.]?$", re.DOTALL)
HALF_MINUTE = 30


def kicker(env: BuildEnvironment, page: str) -> str:
    """Return number and part of a chapter; a page below another one is a piece of its chapter."""
    root = env.config.root_doc
    above = {child: parent for parent, files in env.toctree_includes.items() for child in files}
    while above.get(page, root) != root:
        page = above[page]
    toctrees = env.get_doctree(root).findall(addnodes.toctree)
    caption = next((t["caption"] for t in toctrees if page in t["includefiles"]), None) or ""
    number = env.toc_secnumbers.get(page, {}).get("")
    return f"Chapter {number[0]} · {caption}" if number else caption


def section(chapter: nodes.section, title: str) -> nodes.section | None:
    """Return the section of a chapter with a title."""
    found = (child for child in chapter if isinstance(child, nodes.section))
    return next((child for child in found if child[0].astext() == title), None)


def exercise_minutes(chapter: nodes.section) -> int:
    """Return the sum of the minutes in the titles of the exercises."""
    exercises = next((child for child in chapter if is_exercises(child)), nodes.section())
    titles = [child[0].astext() for child in exercises if isinstance(child, nodes.section)]
    return sum(int(v) for title in titles for v in re.findall(r"(\d+) minutes", title))


def essential(chapter: nodes.section) -> Iterator[nodes.Node]:
    """Yield the links to the chapters without which this one cannot be read."""
    seen = set()
    for row in (section(chapter, "Before you start") or nodes.section()).findall(nodes.row):
        if len(row) == 3 and row[1].astext() == "essential":
            for link in row[2].findall(nodes.reference):
                if link.astext().startswith("chapter ") and link.astext() not in seen:
                    seen.add(link.astext())
                    yield link.deepcopy()


def facts(env: BuildEnvironment, page: str, chapter: nodes.section) -> nodes.Element:
    """Return a line with times and needs."""
    said = [(f"{env.metadata[page]['reading_minutes']} min", "to read")]
    if minutes := exercise_minutes(chapter):
        said.append((f"{minutes} min", "for the exercises"))
    if cost := costs().get(page.rpartition("/")[2]):
        whole, half = divmod(max(1, round(cost["seconds"] / HALF_MINUTE)), 2)
        said.append((f"{whole or ''}{'½' * half} min", "to run"))
    line = nodes.paragraph(classes=["opening-facts"])
    for value, what in said:
        line += nodes.inline("", "", nodes.strong("", value), nodes.Text(f" {what}"))
        line += nodes.Text(" ")
    needs = list(essential(chapter))
    if needs:
        line += nodes.inline("", "needs ")
        for k, link in enumerate(needs):
            line[-1] += [nodes.Text(", "), link] if k else [link]
    return line


def link_sections(chapter: nodes.section, goals: nodes.section) -> None:
    """Turn «(sections 1 and 3);» at the end of a goal into links beside it; a row needs no stop."""
    titles = {
        found[1]: child["ids"][0]
        for child in chapter
        if isinstance(child, nodes.section) and (found := re.match(r"(\d+)\. ", child[0].astext()))
    }
    for item in goals.findall(nodes.list_item):
        line = item[0]
        last = line[-1]
        found = WHERE.match(last.astext()) if isinstance(last, nodes.Text) else None
        if not found:
            continue
        where = nodes.inline(classes=["where"])
        for piece in re.split(r"(\d+)", found[2] or ""):
            if piece in titles:
                where += nodes.reference("", piece, refid=titles[piece], internal=True)
            else:
                where += nodes.Text(piece)
        line.replace(last, nodes.Text(found[1]))
        line[:] = [nodes.inline("", "", *line.children), nodes.Text(" "), where]


def compose(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write the opening of a chapter; a page without goals is none."""
    if app.builder.format != "html":
        return
    chapter = doctree.next_node(nodes.section)
    goals = section(chapter, "You will be able to") if chapter else None
    if goals is None:
        return
    goals["classes"].append("goals")
    link_sections(chapter, goals)
    promise = chapter[1]
    promise["classes"].append("promise")
    chapter.insert(2, facts(app.env, page, chapter))
    said = f'<p class="kicker">{escape(kicker(app.env, page))}</p>'
    chapter.insert(0, nodes.raw("", said, format="html"))


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", compose)
