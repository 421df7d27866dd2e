"""Render every formula when the book is built, as MathML, which browsers show by themselves.

Pandoc turns TeX into MathML, all new formulas of a page in one call. Here its result is brought
nearer to what TeX does and MathML leaves to the writer: the thin space around names of functions,
no space around signs in scripts, sums of full size in aligned lines. A long formula in the text
becomes several, so that it can be broken after a relation. The TeX stays in the attribute
`alttext`.

A formula that Pandoc cannot read is a warning, and so an error of the build.
"""

import base64
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypandoc
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

Formula = tuple[str, bool]  # TeX, and whether it is displayed
rendered: dict[Formula, str] = {}

FONT = Path(__file__).resolve().parents[2] / "assets" / "fonts" / "math.woff2"
# The font is in the style sheet itself, and is asked for before the text of the page is read: so it
# is there when the first line is drawn, and moves nothing.
STYLE = """/* Made by formulas.py; the font is from STIX Two Math: fonts/LICENSE-math.txt */
@font-face {{
  font-family: "Course Math";
  src: url(data:font/woff2;base64,{data}) format("woff2");
}}
"""

ASK = """document.fonts.load('1em "Course Math"')"""

SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
THIN = "0.167em"  # a sixth of the size, as in TeX
APPLY = "\N{FUNCTION APPLICATION}"
RELATIONS = set("=≠≈∼≃≡≤≥<>≪≫∈∉⊆⊂∝→↦⇒⟹⇔⟺")
BINARY = set("+−=≤≥<>×⋅")
LONG = 26  # signs of a formula in the text; a longer one does not fit a phone beside other words
# Combining marks have no width of their own, which browsers take for that of the accent.
ACCENTS = dict(zip("\u0302\u0303\u0307\u0308\u203e\u00af", "ˆ˜˙¨¯¯", strict=True))


# ---- Pandoc ---------------------------------------------------------------------------------


def pandoc(text: str, *options: str) -> str:
    """Run Pandoc."""
    command = [pypandoc.get_pandoc_path(), *options]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


def convert(formulas: list[Formula]) -> list[str]:
    """Return the MathML of formulas; an empty text for one that Pandoc cannot read."""
    document = json.loads(pandoc("", "--from=markdown", "--to=json"))
    document["blocks"] = [
        {"t": "Para", "c": [{"t": "Math", "c": [{"t": f"{kind}Math"}, tex]}]}
        for tex, display in formulas
        for kind in ["Display" if display else "Inline"]
    ]
    html = pandoc(json.dumps(document), "--from=json", "--to=html", "--mathml", "--wrap=none")
    paragraphs = html.split("<p>")[1:]
    assert len(paragraphs) == len(formulas)
    found = (re.search(r"<math.*</math>", text, re.DOTALL) for text in paragraphs)
    return [math[0] if math else "" for math in found]


# ---- from MathML to better MathML ------------------------------------------------------------


def core(element: ET.Element) -> ET.Element:
    """Return what scripts stand at."""
    while element.tag in SCRIPTS or (element.tag == "mrow" and len(element) == 1):
        element = element[0]
    if element.tag == "mrow" and len(element) == 2 and element[1].text == APPLY:
        return core(element[0])
    return element


def is_function(element: ET.Element) -> bool:
    """Whether an element is the name of a function, such as log, maybe with scripts."""
    name = core(element)
    return name.tag == "mi" and len(name.text or "") > 1


def is_space(element: ET.Element) -> bool:
    return element.tag == "mspace"


def space_functions(row: ET.Element) -> None:
    """Put a thin space between the name of a function and what is no sign."""
    children = list(row)
    for k, (left, right) in reversed(list(enumerate(pairwise(children)))):
        if not (is_function(left) or is_function(right)) or is_space(left) or is_space(right):
            continue
        sign = core(right if is_function(left) else left)
        closing = sign.get("form") == "postfix" and sign.text in {")", "]", "}"}
        if sign.tag != "mo" or (not is_function(left) and (closing or sign.text == ",")):
            row.insert(k + 1, ET.Element("mspace", width=THIN))


def raise_dots(row: ET.Element) -> None:
    """Put the dots between two signs, such as +, at their height."""
    for left, dots, right in zip(row, row[1:], row[2:], strict=False):
        if dots.text == "…" and BINARY >= {left.text, right.text}:
            dots.text = "⋯"


def join_letters(row: ET.Element) -> None:
    """Make one word of upright letters: KL, Id."""
    letters = [c.text or "" for c in row if c.tag == "mi" and c.get("mathvariant") == "normal"]
    if len(row) == len(letters) > 1 and all(len(c) == 1 and c.isascii() for c in letters):
        for child in list(row)[1:]:
            row.remove(child)
        row[0].text = "".join(letters)
        row[0].set("class", "word")


def mend_sign(sign: ET.Element, in_script: bool, accent: bool) -> None:
    """Give a sign the space that it has in TeX."""
    if sign.text == "∥" and sign.get("form"):  # \| is a bar, \parallel is a relation
        sign.text = "‖"
        sign.attrib.pop("form")
        sign.attrib |= {"lspace": "0", "rspace": "0"}
    elif accent and sign.text in ACCENTS:
        sign.text = ACCENTS[sign.text]
    elif in_script and sign.text != APPLY:
        sign.attrib |= {"lspace": "0", "rspace": "0"}


def mend(element: ET.Element, in_script: bool = False, accent: bool = False) -> None:
    """Bring an element and what is in it nearer to TeX."""
    if element.tag == "mo":
        mend_sign(element, in_script, accent)
    elif element.tag == "mtext" or (element.tag in {"mi", "mn"} and element.get("mathvariant")):
        single = element.tag == "mi" and len(element.text or "") == 1
        if not single or element.get("mathvariant") != "normal":
            element.attrib.pop("mathvariant", None)
    elif element.tag == "mstyle" and element.get("displaystyle") == "false":
        element.set("scriptlevel", "0")  # \tfrac
    elif element.tag == "mtable":
        aligned = any("padding" in cell.get("style", "") for cell in element.iter("mtd"))
        if aligned:
            element.set("displaystyle", "true")
            element.set("class", "aligned")
    elif element.tag == "mtd":
        element.attrib.clear()  # centred, and in aligned lines see book.css
    for k, child in enumerate(element):
        script = in_script or (element.tag in SCRIPTS and k > 0)
        mend(child, script, element.tag in {"mover", "munder"} and k > 0)
    if element.tag not in SCRIPTS | {"mfrac", "mroot", "mtable", "mtr"}:
        raise_dots(element)
        space_functions(element)
        join_letters(element)


def pieces(row: list[ET.Element]) -> list[list[ET.Element]]:
    """Cut a long formula after relations and commas, where no bracket is open."""
    parts: list[list[ET.Element]] = [[]]
    depth = 0
    for k, child in enumerate(row):
        parts[-1].append(child)
        text = child.text or ""
        if child.tag != "mo":
            continue
        depth += (text in {"(", "[", "{", "⟨"}) - (text in {")", "]", "}", "⟩"})
        cut = text in RELATIONS or text == ","
        if cut and depth == 0 and 0 < k < len(row) - 1:
            child.set("form", "infix")
            parts.append([])
    return parts


def signs(elements: Iterable[ET.Element]) -> int:
    """Return about how many signs formulas are wide."""
    return sum(len("".join(element.itertext())) for element in elements)


def better(mathml: str, tex: str, display: bool) -> str:
    """Return Pandoc's MathML, mended, with its TeX, for a page."""
    root = ET.fromstring(re.sub(r'\sxmlns="[^"]*"', "", mathml))
    content = root.find("semantics")
    assert content is not None
    row = content[0]
    mend(row)
    children = list(row) if row.tag == "mrow" else [row]
    parts = [children] if display or signs(children) < LONG else pieces(children)
    result = ""
    for k, part in enumerate(parts):
        math = ET.Element("math", {"display": "block"} if display else {})
        if k == 0:
            math.set("alttext", tex)
        math.extend(part)
        result += ET.tostring(math, encoding="unicode", short_empty_elements=False)
    return result


# ---- Sphinx ---------------------------------------------------------------------------------


def source(node: nodes.Node) -> Formula:
    """Return a formula as TeX on its own."""
    tex = node.astext().strip()
    display = isinstance(node, nodes.math_block)
    if display and not node.get("nowrap"):
        parts = [part for part in tex.split("\n\n") if part.strip()]
        outside = re.sub(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", "", tex, flags=re.DOTALL)
        if len(parts) > 1 or r"\\" in outside:
            tex = r"\begin{aligned}" + r" \\ ".join(parts) + r"\end{aligned}"
    return " ".join(tex.split()), display


def render(formulas: list[nodes.Node]) -> None:
    """Render those formulas that are not known yet."""
    new = {source(node): node for node in formulas if source(node) not in rendered}
    if not new:
        return
    for formula, mathml in zip(new, convert(list(new)), strict=True):
        if not mathml:
            logger.warning("no MathML for %s", formula[0], location=new[formula])
        rendered[formula] = better(mathml, *formula) if mathml else f"<code>{formula[0]}</code>"


def as_text(node: nodes.Node) -> str:
    """Return the signs of a formula as plain text, such as «Dx=(kerG)⊥»."""
    render([node])
    return unescape(re.sub(r"<annotation.*?</annotation>|<[^>]+>", "", rendered[source(node)]))


def render_page(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Render the formulas of a page in one call."""
    if app.builder.format == "html":
        render(list(doctree.findall(lambda n: isinstance(n, (nodes.math, nodes.math_block)))))


def visit_math(self: Any, node: nodes.math) -> None:
    """Write a formula in the text."""
    render([node])
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(rendered[source(node)] + "</span>")
    raise nodes.SkipNode


def visit_display(self: Any, node: nodes.math_block) -> None:
    """Write a displayed formula, with its number if it has one."""
    render([node])
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    self.body.append(rendered[source(node)])
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def write_style(app: Sphinx, exception: Exception | None) -> None:
    """Write the style sheet with the font, and take away the file of the font."""
    if exception or app.builder.name != "html":
        return
    data = base64.b64encode(FONT.read_bytes()).decode()
    static = Path(app.outdir) / "_static"
    (static / "math.css").write_text(STYLE.format(data=data))
    (static / "fonts" / FONT.name).unlink(missing_ok=True)


def add_style(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Ask for the font on pages with formulas."""
    if "<math" in context.get("body", "") + context.get("toc", ""):
        app.add_css_file("math.css")
        app.add_js_file(None, body=ASK, priority=100, **{"data-course": ""})


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_display, None))
    app.connect("doctree-resolved", render_page)
    app.connect("html-page-context", add_style)
    app.connect("build-finished", write_style)
