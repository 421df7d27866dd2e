"""The built site: it asks no other host for anything, and every page can be read by everybody.

`make test` builds the site first. Pages are read as files, and opened in the Chromium that is
installed on the machine, in light and dark, on a desk and on a phone.
"""

import functools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import ipywidgets
import nbformat
import pytest
from bs4 import BeautifulSoup
from cut_math_font import UNICODES
from ipywidgets.embed import dependency_state
from playwright.sync_api import Browser, Page, expect
from serve import ROOT
from web import pages, parse, read, serve, visit

from helpers import tokens

# The pages and the pictures are read with the same parser.
pytestmark = pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning")

# What a browser fetches by itself: (tag, attribute). A plain link, <a href>, is not among them.
LOADS = [
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("embed", "src"),
    ("source", "src"),
    ("video", "src"),
    ("video", "poster"),
    ("audio", "src"),
    ("track", "src"),
    ("object", "data"),
    ("image", "href"),
    ("image", "xlink:href"),
    ("use", "href"),
    ("use", "xlink:href"),
]
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect"}
LOADED_LINKS |= {"dns-prefetch", "manifest", "apple-touch-icon"}
CSS_LOAD = re.compile(r"""(?:url\(|@import)\s*["']?(?!url\()([^"')\s;]+)""")
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A script builds addresses in ways that no pattern can follow; the names of the hosts it could
# mean are known. The browser tests below catch the rest.
CONTENT_NETWORKS = re.compile(
    r"unpkg\.com|jsdelivr\.net|cdnjs|bootstrapcdn|googleapis|gstatic|googletagmanager"
    r"|google-analytics|plausible\.io|esm\.sh|skypack|jspm\.io|cdn\.mathjax|cdn\.plot\.ly"
)
FILE_NAME = re.compile(r"\.(png|svg|jpe?g|gif)\b|[0-9a-f]{32}", re.IGNORECASE)


def is_foreign(address: str) -> bool:
    """Whether an address names a host (a site's own addresses are relative)."""
    return urlsplit(address).netloc != ""


def foreign_in_css(text: str) -> list[str]:
    """Return the addresses of other hosts that a style sheet loads."""
    return [a for a in CSS_LOAD.findall(CSS_COMMENT.sub("", text)) if is_foreign(a)]


def foreign_in_script(text: str) -> list[str]:
    """Return the names of content networks that a script mentions."""
    return CONTENT_NETWORKS.findall(text)


def foreign_in_page(soup: BeautifulSoup) -> list[str]:
    """Return what a page (HTML or SVG) loads from other hosts."""
    found = [tag[name] for kind, name in LOADS for tag in soup.find_all(kind, {name: True})]
    for link in soup.find_all("link", href=True):
        if LOADED_LINKS & {rel.lower() for rel in link.get("rel", [])}:
            found.append(link["href"])
    for tag in soup.find_all(srcset=True):
        found += [part.split()[0] for part in tag["srcset"].split(",") if part.strip()]
    found = [address for address in found if is_foreign(address)]
    for style in soup.find_all("style"):
        found += foreign_in_css(style.get_text())
    for tag in soup.find_all(style=True):
        found += foreign_in_css(tag["style"])
    for script in soup.find_all("script", src=False):
        found += foreign_in_script(script.get_text())
    return found


READERS: dict[str, Callable[[Path], list[str]]] = {
    ".html": lambda path: foreign_in_page(read(path)),
    ".svg": lambda path: foreign_in_page(parse(path)),
    ".css": lambda path: foreign_in_css(path.read_text(encoding="utf-8")),
    ".js": lambda path: foreign_in_script(path.read_text(encoding="utf-8")),
}


def foreign_loads(folder: Path) -> list[str]:
    """Return 'file: address' for everything that a site's files load from other hosts."""
    return [
        f"{path.relative_to(folder)}: {address}"
        for path in sorted(folder.rglob("*"))
        if path.suffix in READERS
        for address in READERS[path.suffix](path)
    ]


@functools.cache
def places(page: Path) -> set[str]:
    """Return the names of the places of a page that a link can lead to."""
    return {tag["id"] for tag in read(page).find_all(id=True)}


def image_faults(soup: BeautifulSoup) -> list[str]:
    """Return what is wrong with the alternative texts of a page's images."""
    alts = [img.get("alt", "").strip() for img in soup.select("article img")]
    faults = ["an image without alt text"] * alts.count("")
    faults += [f"alt text is a file name: {alt}" for alt in alts if FILE_NAME.search(alt)]
    faults += [f"alt text is repeated: {alt}" for alt, n in Counter(alts).items() if alt and n > 1]
    return faults


def link_faults(page: Path, folder: Path) -> list[str]:
    """Return the internal links of a page that lead nowhere."""
    faults = []
    for link in read(page).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or link["href"] == "#":
            continue
        target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
        anchor = unquote(parts.fragment)
        if not target.is_file() or folder not in target.parents:
            faults.append(f"no such file: {link['href']}")
        elif anchor and target.suffix == ".html" and anchor not in places(target):
            faults.append(f"no such place on the page: {link['href']}")
    # A reference that was not resolved is left as text in this class, without a link.
    for lost in read(page).select("span.xref.myst"):
        if not lost.find_parent("a"):
            faults.append(f"unresolved reference: {lost.get_text()}")
    return faults


def test_no_file_loads_from_another_host(site: Path) -> None:
    assert foreign_loads(site) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", '<script src="https://cdn.example.org/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//cdn.example.org/x.css">'),
        ("a.html", '<img alt="" srcset="a.png 1x, https://example.org/b.png 2x">'),
        ("a.html", "<style>@import url('https://example.org/font.css');</style>"),
        ("a.html", "<script>load('https://unpkg.com/thebe')</script>"),
        ("a.svg", '<svg><image xlink:href="https://example.org/x.png"/></svg>'),
        ("a.css", "p { background: url(https://example.org/x.png) }"),
        ("a.js", "const base = 'https://cdn.jsdelivr.net/npm/';"),
    ],
)
def test_a_foreign_load_is_caught(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert len(foreign_loads(tmp_path)) == 1


def test_a_link_to_another_host_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://example.org">read</a>')
    assert foreign_loads(tmp_path) == []


def test_images_have_texts_and_links_lead_somewhere(site: Path) -> None:
    faults = [
        f"{page.relative_to(site)}: {fault}"
        for page in pages(site)
        for fault in image_faults(read(page)) + link_faults(page, site)
    ]
    assert not faults, "\n".join(faults)


def test_figures_of_lines_are_drawings(site: Path) -> None:
    """The page shows the SVG of a figure, where the notebook has one, and the PNG of images."""
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        data = [o.data for c in cells for o in c.get("outputs", []) if "data" in o]
        drawings = [set(d) for d in data if "image/svg+xml" in d]
        assert all("image/png" in kinds for kinds in drawings)  # JupyterLab may not show the other
        shown = read(site / "book" / f"{path.stem}.html").select('figure img[src$=".svg"]')
        assert drawings, path.name
        assert len(shown) == len(drawings), path.name


RAW_TEX = re.compile(r"\\[(\[\])]|\\[a-zA-Z]{2,}|\$[^$\s][^$]*\$")


def formula_faults(soup: BeautifulSoup) -> list[str]:
    """Return what a reader without scripts sees of formulas that is not one."""
    places = soup.select(".math")
    faults = [f"not a formula: {place}" for place in places if not place.select("math[alttext]")]
    faults += [f"an error in a formula: {error}" for error in soup.select("merror")]
    signs = {sign for math in soup.select("math") for sign in math.get_text()}
    if unknown := {sign for sign in signs if ord(sign) not in UNICODES}:
        faults.append(f"not in the font of formulas: {unknown}")
    hidden = ("pre", "code", "script", "style")
    texts = (text for text in soup.find_all(string=RAW_TEX) if not text.find_parent(hidden))
    return faults + [f"raw TeX: {text.strip()[:80]}" for text in texts]


def test_formulas_need_no_script(site: Path) -> None:
    counts = {path: len(read(path).select("math")) for path in pages(site)}
    assert sum(counts.values()) > 2500
    faults = [
        f"{p.relative_to(site)}: {fault}" for p in counts for fault in formula_faults(read(p))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<span class='math'>x</span>", "not a formula"),
        ("<math alttext='x'><merror></merror></math>", "an error"),
        ("<math alttext='x'><mi>\N{SNOWMAN}</mi></math>", "not in the font"),
        (r"<p>with \(x\)</p>", "raw TeX"),
        (r"<td>\alpha</td>", "raw TeX"),
        ("<p>the $x$ axis</p>", "raw TeX"),
    ],
)
def test_a_faulty_formula_is_caught(content: str, fault: str) -> None:
    (found,) = formula_faults(BeautifulSoup(content, "html.parser"))
    assert fault in found


def test_formulas_are_set_without_scripts(browser: Browser, site: Path) -> None:
    """The font is there: a script is smaller than its letter, and lower."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{serve(site)}book/03_fisher_and_local_data_matrix.html")
        letter, script = (page.locator(f"msub > :nth-child({k})").first for k in (1, 2))
        expect(letter).to_be_visible()
        above, below = letter.bounding_box(), script.bounding_box()
        assert above and below
        assert below["height"] < above["height"]
        assert below["y"] + below["height"] > above["y"] + above["height"]


def test_tables_know_their_columns_before_their_last_row(site: Path) -> None:
    """Otherwise a table that arrives slowly changes them with each row, and the page moves."""
    found = 0
    for page in pages(site):
        for table in read(page).select("article table.table"):
            columns = table.select("col")
            shares = [float(re.search(r"([\d.]+)%", column["style"])[1]) for column in columns]
            assert len(shares) == len(table.select("thead th")), page
            assert min(shares) > 1 and sum(shares) == pytest.approx(100, abs=1), page
            found += 1
    assert found > 20


def markup_faults(soup: BeautifulSoup) -> list[str]:
    """Return what is not valid in a page, of the kinds that our tools produce."""
    ids = Counter(tag["id"] for tag in soup.find_all(id=True))
    faults = [f"repeated id: {name}" for name, n in ids.items() if n > 1]
    return faults + ["a paragraph in a summary" for _ in soup.select("summary p")]


def test_pages_are_valid(site: Path) -> None:
    faults = [
        f"{path.relative_to(site)}: {fault}"
        for path in pages(site)
        for fault in markup_faults(read(path))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<article><img src='x.png'></article>", "without alt"),
        ("<article><img alt='../_images/x.png'></article>", "file name"),
        ("<article><img alt='a line'><img alt='a line'></article>", "repeated"),
        ("<a href='gone.html'>x</a>", "no such file"),
        ("<a href='#gone'>x</a>", "no such place"),
        ("<span class='xref myst'>x</span>", "unresolved"),
    ],
)
def test_a_faulty_page_is_caught(tmp_path: Path, content: str, fault: str) -> None:
    page = tmp_path / "a.html"
    page.write_text(content)
    found = image_faults(read(page)) + link_faults(page, tmp_path)
    assert len(found) == 1
    assert fault in found[0]


def slider_notebook() -> nbformat.NotebookNode:
    """Return a notebook with the stored output of a slider and of a button with an icon."""
    slider = ipywidgets.IntSlider(value=3, max=9, description="class")
    widgets = ipywidgets.HBox([slider, ipywidgets.Button(icon="play", description="walk")])
    view = {"model_id": widgets.model_id, "version_major": 2, "version_minor": 0}
    mime = "application/vnd.jupyter.widget"
    output = nbformat.v4.new_output("display_data", {f"{mime}-view+json": view})
    book = nbformat.v4.new_notebook()
    book.metadata.language_info = {"name": "python"}
    book.cells = [
        nbformat.v4.new_markdown_cell("# A slider\n\n## Here"),
        nbformat.v4.new_code_cell("widgets", outputs=[output], execution_count=1),
    ]
    state = {"version_major": 2, "version_minor": 0, "state": dependency_state([widgets])}
    book.metadata.widgets = {f"{mime}-state+json": state}
    return book


def build(folder: Path, changes: Sequence[tuple[str, str]] = ()) -> Path:
    """Build a page with widgets, with the course's own settings but for some changes."""
    for name in ("_ext", "_templates", "assets"):
        (folder / name).symlink_to(ROOT / name)
    settings = (ROOT / "_config.yml").read_text(encoding="utf-8")
    idle = ("    nb_merge_streams: true\n", "    warn_of_idle_repairs: false\n")
    for old, new in [(idle[0], idle[0] + idle[1]), *changes]:
        assert old in settings
        settings = settings.replace(old, new)
    (folder / "_config.yml").write_text(settings, encoding="utf-8")
    (folder / "book").mkdir()
    (folder / "book" / "references.bib").write_text("")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    nbformat.write(slider_notebook(), folder / "book" / "index.ipynb")
    command = [Path(sys.executable).parent / "jupyter-book", "build", folder, "-W", "-n"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "_build" / "html"


def test_addresses_appear_when_they_are_known(site: Path, tmp_path: Path) -> None:
    """Buttons for Colab and Binder, canonical links, site map: with an address, and not before."""
    built = build(
        tmp_path,
        [
            ("OWNER/REPO", "someone/course"),
            ('html_baseurl: ""', "html_baseurl: https://a.example/c/"),
        ],
    )
    page = (built / "book" / "index.html").read_text(encoding="utf-8")
    file = "someone/course/blob/main/book/index.ipynb"
    wanted = [
        f"https://colab.research.google.com/github/{file}",
        "https://mybinder.org/v2/gh/someone/course/main?urlpath=lab/tree/book/index.ipynb",
        "https://github.com/someone/course/issues/new",
    ]
    assert [text for text in wanted if text not in page] == []
    soup = parse(built / "book" / "index.html")
    assert soup.find("link", rel="canonical")["href"] == "https://a.example/c/book/index.html"
    picture = soup.find("meta", property="og:image")["content"]
    assert picture == "https://a.example/c/_static/social.png"
    assert "https://a.example/c/book/index.html" in (built / "sitemap.xml").read_text()
    assert (built / "_static" / "social.png").is_file()

    unwanted = re.compile(r"mybinder|colab\.research|OWNER|rel=.canonical|og:(url|image)")
    for path in pages(site):
        before, _, rest = path.read_text(encoding="utf-8").partition("<article")
        assert not unwanted.search(before + rest.rpartition("</article>")[2]), path
    assert not (site / "sitemap.xml").exists()


def test_every_page_tells_search_engines_what_it_is(site: Path) -> None:
    about = {}
    for path in pages(site):
        soup = read(path)
        if path.name == "index.html" and path.parent == site:
            continue  # leads to book/index.html
        assert soup.html["lang"] == "en-GB"
        assert soup.find("link", rel="icon")
        text = soup.find("meta", attrs={"name": "description"})["content"]
        assert 20 < len(text) <= 160, (path, text)
        about.setdefault(text, []).append(path.name)
        assert soup.find("meta", property="og:title")["content"] in soup.title.get_text()
    chapters = [names for names in about.values() if len(names) > 1]
    assert all(name[0].isalpha() for names in chapters for name in names), chapters


def test_a_test_leads_to_its_claims(site: Path) -> None:
    rows = read(site / "book" / "claims.html").select("#what-a-test-holds-up .tests li")
    found = {row.code.get_text(): [a["href"] for a in row.select("a")] for row in rows}
    chapter = found.pop("book/05_frobenius_involutivity.ipynb")
    assert {"#claim-s6", "#claim-s7"} <= set(chapter)
    involutive = "tests/test_foliation.py::test_piecewise_linear_networks_are_involutive"
    assert "#claim-s6" in found[involutive]
    assert len(found) > 20


# Colours of the pages have names, and are in helpers/tokens.json; pictures stand on white.
COLOUR = re.compile(
    r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|lab)\((?!from var)|:\s*(?:black|grey)\b"
)


def test_styles_name_their_colours(site: Path) -> None:
    sheets = [ROOT / "assets" / "book.css", ROOT / "assets" / "walk" / "walk.css"]
    for sheet in sheets:
        assert COLOUR.findall(CSS_COMMENT.sub("", sheet.read_text(encoding="utf-8"))) == []
    named = set(re.findall(r"^\s*(--[\w-]+):", tokens.css(), re.MULTILINE))
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        own = set(re.findall(r"^\s*(--[\w-]+):", text, re.MULTILINE))
        assert set(re.findall(r"var\((--[\w-]+)", text)) <= named | own, sheet.name
    assert "Bootstrap" not in "".join(p.read_text(encoding="utf-8") for p in site.rglob("*.css"))


def search(page: Page, words: str) -> list[tuple[str, str]]:
    """Return titles and places of what the search page finds."""
    page.locator(".search-again input").fill(words)
    page.locator(".search-again input").press("Enter")
    rows = page.locator("ol.search > li")
    return [
        (row.locator("a").inner_text(), row.locator(".where").inner_text()) for row in rows.all()
    ]


def test_search_finds_what_a_reader_means(browser: Browser, site: Path) -> None:
    """Terms first, prose without code or TeX, and the place leads there; also from files."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{site.as_uri()}/search.html?q=involutive")
        assert page.locator("ol.search a").first.inner_text() == "involutive"
        assert search(page, "INVOLUTIVE")[0] == ("involutive", "term · Glossary")
        assert any(where.startswith("4. ") for _, where in search(page, "numerical rank")[:3])
        found = search(page, "fréchet frobenius")
        assert not found and "Nothing for" in page.locator(".found").inner_text()
        texts = " ".join(page.locator(".context").all_inner_texts())
        search(page, "walk stalls")
        texts += " ".join(page.locator(".context").all_inner_texts())
        assert "import torch" not in texts and not RAW_TEX.search(texts)
        assert search(page, "kernel of G")
        marked = {mark.lower() for mark in page.locator("mark").all_inner_texts()}
        assert marked == {"kernel", "g"}, "a letter is no beginning, and «of» is not asked for"
        search(page, "Frobenius")
        page.locator("ol.search a").first.click()
        assert page.locator("mark").count() == 0 and "#" in page.url
        place = page.url.partition("#")[2]
        page.locator(f"[id='{place}']").wait_for(state="attached")


def test_a_chapter_says_its_times_once(site: Path) -> None:
    """On the card of the first page, at the opening, and in the chapter's own words."""
    cards = read(site / "book" / "index.html").select(".chapter-card")
    costs = json.loads((ROOT / "bench" / "chapters.json").read_text(encoding="utf-8"))["chapters"]
    table = read(site / "book" / "how_to_run.html").get_text()
    for card in cards:
        chapter = read(site / "book" / card.a["href"])
        minutes = card.select_one(".chapter-card-time").get_text().split()[0]
        facts = chapter.select_one(".opening-facts").get_text()
        said = re.findall(r"Reading takes about (\d+) minutes", chapter.article.get_text())
        assert said == [minutes] and f"{minutes} min to read" in facts, card.a["href"]
        working = sum(
            int(v)
            for title in chapter.select("#exercises h3")
            for v in re.findall(r"(\d+) minutes", title.get_text())
        )
        assert working and f"{working} min for the exercises" in facts, card.a["href"]
        name = Path(card.a["href"]).stem
        if name in costs:
            assert f"{costs[name]['seconds']} s" in table
            half = float(re.search(r"([\d½]+) min to run", facts)[1].replace("½", ".5"))
            assert abs(60 * half - costs[name]["seconds"]) <= 15, name
    assert len(cards) >= 13 and len(costs) >= 12


def test_a_chapter_opens_with_what_it_takes(site: Path) -> None:
    """Its part, a promise, what one must have read, and goals with links to their sections."""
    opened = [read(path) for path in (site / "book").glob("*.html") if parse(path).select(".goals")]
    assert len(opened) >= 13
    for page in opened:
        title = page.select_one("h1").get_text()
        assert page.select_one(".kicker").get_text().strip(), title
        assert page.select_one("h1 + p.promise + p.opening-facts"), title
        assert not page.select_one(".goals li").get_text().rstrip().endswith(";"), title
        for link in page.select(".goals .where a"):
            section = page.select_one(link["href"])
            assert section.select_one("h2").get_text().startswith(f"{link.get_text()}."), title
    walks = read(site / "book" / "07_leaf_navigation.html")
    assert walks.select_one(".kicker").get_text() == "Chapter 7 · Walks"
    attacks = read(site / "book" / "10b_training_and_attacks.html")
    assert attacks.select_one(".kicker").get_text() == "Chapter 10 · Uses and other data"
    needs = [link.get_text() for link in walks.select(".opening-facts a")]
    assert needs == ["chapter 3", "chapter 6"] and len(walks.select(".goals .where a")) >= 9


def test_a_downloaded_notebook_says_what_it_needs(site: Path) -> None:
    """A chapter that came alone finds neither helpers nor data."""
    count = 0
    for path in (site / "book").glob("*.html"):
        link = read(path).find("a", string="Download this notebook")
        if link:
            count += 1
            downloaded = nbformat.read(path.parent / link["href"], as_version=4)
            kept = nbformat.read(ROOT / "book" / f"{path.stem}.ipynb", as_version=4)
            assert "`helpers`" in downloaded.cells[0].source and "How to run" in (
                downloaded.cells[0].source
            )
            assert [c.source for c in downloaded.cells[1:]] == [c.source for c in kept.cells]
    assert count >= 13


def test_links_show_what_they_lead_to(browser: Browser, site: Path) -> None:
    """Terms, citations, theorems and figures: by pointer, keyboard and touch; Escape closes."""
    base = serve(site)
    address = f"{base}book/05_frobenius_involutivity.html"
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page, faults = visit(context, address, base)
        for target, words in (
            ("glossary.html#term-involutive", "brackets"),
            ("#thm-frobenius", "Theorem"),
            ("#fig-rank-jumps", "dimension jumps"),
        ):
            place = page.locator(f"article .carded:has(> a[href$='{target}'])").first
            card = place.locator(".card")
            expect(card).to_be_hidden()
            place.locator("a").first.focus()
            expect(card).to_be_visible()
            expect(card).to_contain_text(words)
            box = card.bounding_box()
            text = page.locator("h1").bounding_box()
            assert box and text and text["x"] + text["width"] < box["x"], "not in the margin"
            assert box["x"] + box["width"] <= 1280
            page.keyboard.press("Escape")
            expect(card).to_be_hidden()
            place.locator("a").first.blur()
            place.hover()
            expect(card).to_be_visible()
            page.mouse.move(0, 0)
            expect(card).to_be_hidden()
        assert page.locator(".carded > a[href*='bibliography.html#'] + .card").count() > 5
        for path in pages(site):  # nothing that would end the paragraph in which the card stands
            assert not read(path).select(".card :is(p, div, table, dl, pre, figure, ul, a)"), path
        assert not faults
        page.set_viewport_size({"width": 900, "height": 800})  # no margin
        place.locator("a").first.focus()
        box, link = card.bounding_box(), place.bounding_box()
        assert box and link and 0 <= box["x"] and box["x"] + box["width"] <= 900
        assert box["y"] >= link["y"] + link["height"]
    with browser.new_context(**PHONE) as context:
        page, _ = visit(context, address, base)
        place = page.locator(".carded:has(> a[href$='glossary.html#term-involutive'])").first
        place.locator("a").first.tap()
        expect(place.locator(".card")).to_be_visible()
        assert "glossary" not in page.url
        place.locator("a").first.tap()
        page.wait_for_url("**/glossary.html#term-involutive")


def test_the_theme_is_remembered(browser: Browser, site: Path) -> None:
    """Also before the page is drawn, and where something else is kept under another name."""
    base = serve(site)
    with browser.new_context(color_scheme="light") as context:
        page, faults = visit(context, f"{base}book/notation.html", base)
        page.evaluate("localStorage.setItem('read', '{')")
        button = page.locator("[data-theme-button]")
        while page.evaluate("document.documentElement.dataset.mode") != "dark":
            button.click()
        page.reload(wait_until="commit")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        expect(button).to_contain_text("dark")
        assert not faults


def test_the_menu_knows_what_was_read(browser: Browser, site: Path) -> None:
    """A page read to its end is marked, here and on other pages, until the reader forgets it."""
    base = serve(site)
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page, faults = visit(context, f"{base}book/how_to_run.html", base)
        assert page.locator(".menu a.read").count() == 0
        page.evaluate("window.scrollTo({ top: 1e6, behavior: 'instant' })")
        page.locator(".menu a.read").wait_for(state="attached")
        page.goto(f"{base}book/notation.html")
        assert page.locator(".menu a.read").get_attribute("href") == "how_to_run.html"
        page.locator(".all-chapters summary").click()
        page.get_by_role("link", name="How to run it (read)").wait_for()
        page.get_by_role("button", name="Forget what I have read").click()
        assert page.locator(".menu a.read").count() == 0
        page.reload()
        assert page.locator(".menu a.read").count() == 0 and not faults


def test_the_glossary_leads_to_the_chapters(site: Path) -> None:
    words = parse(site / "book" / "glossary.html").select_one("dl.glossary")
    for part in words.select("a, .card"):
        part.extract()
    assert not re.search(r"chapters? \d", words.get_text())


def test_the_first_page_says_what_the_others_say(site: Path) -> None:
    """Hours, as on the cards and in the titles of the exercises; verdicts, as in the ledger."""
    page = read(site / "book" / "index.html")
    reading = sum(int(card.get_text().split()[0]) for card in page.select(".chapter-card-time"))
    titles = [
        title.get_text()
        for path in (site / "book").glob("*.html")
        for title in read(path).select("#exercises h3")
    ]
    minutes = [re.search(r"(\d+) minutes", title) for title in titles]
    working = sum(int(found[1]) for found in minutes if found)
    said = f"about {reading / 60:.0f} hours to read; {working / 60:.0f} more for all exercises"
    assert said in page.select_one(".facts").get_text()
    rows = read(site / "book" / "claims.html").select("table tbody tr")
    assert len(page.select(".tally a")) == len(rows) >= 20
    verdicts = [row.select("td")[-1].get_text() for row in rows]
    for line in page.select(".tally > div"):
        count, name = line.dt.b.get_text(), line.dt.span.get_text()
        assert int(count) == sum(verdict.startswith(name) for verdict in verdicts), name


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TEXT = "article section > p:not([class])"
SECTION = "#exercises > h2"  # those of the opening are labels


def test_lines_are_easy_to_read(browser: Browser, site: Path) -> None:
    """Sixty to eighty letters a line on a desk; headings that differ; captions not thin."""
    base = serve(site)
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page, _ = visit(context, f"{base}book/08_is_the_data_on_a_leaf.html", base)
        length = page.evaluate(
            """() => {
              const texts = [...document.querySelectorAll("article section > p")]
                .filter((p) => p.textContent.length > 400 && !p.querySelector("math"));
              return texts.map((p) => p.textContent.length / (p.clientHeight
                / parseFloat(getComputedStyle(p).lineHeight)));
            }"""
        )
        assert length and all(55 < letters < 80 for letters in length)
        size = {
            tag: page.evaluate(
                f"parseFloat(getComputedStyle(document.querySelector('{tag}')).fontSize)"
            )
            for tag in (TEXT, "h1", SECTION, "h3", "math")
        }
        assert size["h1"] > 1.4 * size[SECTION] > 1.4 * 1.25 * size["h3"]
        assert size["h3"] > 1.1 * size[TEXT]
        assert 0.95 < size["math"] / size[TEXT] < 1.1
        weight = "getComputedStyle(document.querySelector('figcaption')).fontWeight"
        assert page.evaluate(weight) == "400"


def test_only_pages_with_widgets_load_the_widget_manager(site: Path) -> None:
    for path in pages(site):
        page = path.read_text(encoding="utf-8")
        assert ("embed-amd.js" in page) == ("application/vnd.jupyter.widget-view+json" in page)
        walks = 'class="leaf-walk"' in page or 'class="leaf-fan"' in page
        assert ("_static/walk/" in page) <= walks


def test_widgets_are_served_from_the_site(browser: Browser, tmp_path: Path) -> None:
    base = serve(build(tmp_path))
    with browser.new_context() as context:
        page, faults = visit(context, f"{base}book/index.html", base)
        page.locator(".widget-slider .noUi-handle").wait_for()
        assert page.locator(".widget-readout").inner_text() == "3"
        page.wait_for_load_state("networkidle")  # the icon's font
    assert faults == []
