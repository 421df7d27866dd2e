"""Give the site a font of the icons that its pages use, in place of all of Font Awesome.

The icons are cut out of the copy that the theme brings. Which ones are needed is read from the
built pages and the theme's style sheets, so that a new icon needs nothing here.
"""

import re
import shutil
from pathlib import Path

from built_pages import built_pages
from fontTools import subset, ttLib
from sphinx.application import Sphinx

NAME = "Course icons"  # the licence of Font Awesome keeps its own name for the whole font
STYLE = """/* Made by _ext/icons.py from Font Awesome Free, SIL OFL 1.1: see icons-LICENSE.txt */
@font-face {{
  font-family: "{name}";
  font-weight: 900;
  font-display: block;
  src: url(icons.woff) format("woff");
}}
:root {{
  --fa-font-solid: normal 900 1em/1 "{name}";
  --fa-font-brands: var(--fa-font-solid);
}}
.fas, .fa-solid {{
  display: inline-block;
  font: var(--fa-font-solid);
  text-rendering: auto;
}}
.fa-lg {{ font-size: 1.25em; line-height: 0.05em; vertical-align: -0.075em; }}
{rules}
"""
RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
USED = re.compile(r"\bfa-[a-z0-9-]+")
IN_STYLE = re.compile(r"\\(f[0-9a-f]{3})\b|([\uf000-\uf8ff])")


def codes(style: str) -> dict[str, str]:
    """Return the number of each icon, by its class, from Font Awesome's style sheet."""
    return {
        name: number
        for names, number in RULE.findall(style)
        for name in re.findall(r"fa-[\w-]+", names)
    }


def make_font(app: Sphinx, exception: Exception | None) -> None:
    """Write icons.css and icons.woff beside the pages, and take Font Awesome away."""
    if exception or app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static"
    (whole,) = (static / "vendor" / "fontawesome").iterdir()
    known = codes((whole / "css" / "all.min.css").read_text())
    pages = built_pages(Path(app.outdir))
    words = set().union(*(USED.findall(page.read_text(encoding="utf-8")) for page in pages))
    used = {name: known[name] for name in sorted(words & set(known))}
    sheets = "".join(p.read_text(encoding="utf-8") for p in (static / "styles").glob("*.css"))
    numbers = {int(number, 16) for number in used.values()}
    for number, sign in IN_STYLE.findall(sheets):
        numbers.add(int(number, 16) if number else ord(sign))

    font = ttLib.TTFont(whole / "webfonts" / "fa-solid-900.ttf")
    cutter = subset.Subsetter(subset.Options(name_IDs=[0, 13, 14], notdef_outline=True))
    cutter.populate(unicodes=numbers)
    cutter.subset(font)
    font["name"].setName(NAME, 1, 3, 1, 0x409)
    font.flavor = "woff"
    font.save(static / "icons.woff")
    rules = "\n".join(f'.{name}::before {{ content: "\\{n}"; }}' for name, n in used.items())
    (static / "icons.css").write_text(STYLE.format(name=NAME, rules=rules))
    shutil.move(whole / "LICENSE.txt", static / "icons-LICENSE.txt")
    shutil.rmtree(whole.parent)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", make_font)
    return {"parallel_read_safe": True}
