"""Let terms, citations, theorems and figures show themselves where they are referred to.

What a link leads to is copied beside the link, as a card that appears when the reader points at the
link or reaches it by keyboard; a finger makes it a sheet. CSS shows it, `assets/book.js` closes it
by Escape. A card is text in the page: nothing is asked for when it opens.
"""

import copy
import os
from pathlib import Path
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag

from .back_links import PROOFS

BLOCKS = "table, dl, pre, figure"  # these cannot stand inside a paragraph, where a card is
LONGEST = 900  # letters of a card; what is longer is read at its place


class Card(NamedTuple):
    """What a card shows: a heading, and HTML."""

    heading: str
    content: str


def as_phrases(tag: Tag) -> str:
    """Return the content of a place as it may stand inside a paragraph: spans, without names."""
    part = copy.copy(tag)
    for lost in part.select(".headerlink, .back-links, script, img, .copybtn"):
        lost.decompose()
    for inner in part.find_all(True):
        inner.attrs.pop("id", None)
        if inner.name in ("p", "div", "section", "ul", "ol", "li"):
            inner["class"] = " ".join(["block", *map(str, inner.get_attribute_list("class"))])
            inner.name = "span"
        elif inner.name == "a":
            inner.unwrap()  # a card is read, not walked through
    return part.decode_contents()


def collect(soup: BeautifulSoup, page: str) -> dict[str, Card]:
    """Return the cards of a page, by the address of what they show."""
    found = {}

    def add(anchor: str, heading: str, *parts: Tag) -> None:
        short = sum(len(part.get_text()) for part in parts) <= LONGEST
        if short and not any(part.select(BLOCKS) for part in parts):
            content = "".join(as_phrases(part) for part in parts)
            found[f"{page}#{anchor}"] = Card(heading, content)

    for term in soup.select("dl.glossary > dt[id]"):
        meaning = term.find_next_sibling("dd")
        if isinstance(meaning, Tag):
            add(str(term["id"]), as_phrases(term), meaning)
    for source in soup.select("div.citation[id]"):
        add(str(source["id"]), "", *source.select("p"))
    for proof in soup.select(", ".join(f".proof.{kind}" for kind in PROOFS)):
        title, text = proof.select_one(".admonition-title"), proof.find("section")
        if title and isinstance(text, Tag) and proof.get("id"):
            add(str(proof["id"]), as_phrases(title), text)
    for figure in soup.select("figure[id]"):
        words = figure.select_one("figcaption p")
        if words:
            add(str(figure["id"]), "", words)
    return found


def place(soup: BeautifulSoup, page: str, cards: dict[str, Card]) -> bool:
    """Put the cards beside the links of a page's text; return whether there was any."""
    count = 0
    for link in soup.select("article a.reference.internal[href*='#']"):
        path, _, anchor = str(link["href"]).partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        card = cards.get(f"{Path(target).as_posix()}#{anchor}")
        if card is None or link.find_parent(["summary", "h1", "h2", "h3", "h4", "figcaption"]):
            continue
        if link.find_parent(class_="card") or link.find_parent("td"):
            continue
        count += 1
        link.attrs.pop("title", None)
        link["aria-describedby"] = f"card-{count}"
        holder = soup.new_tag("span", attrs={"class": "carded"})
        link.wrap(holder)
        heading = f"<b>{card.heading}</b>" if card.heading else ""
        shown = (
            f'<span class="card" role="tooltip" id="card-{count}">{heading}{card.content}</span>'
        )
        holder.append(BeautifulSoup(shown, "html.parser"))
    return count > 0
