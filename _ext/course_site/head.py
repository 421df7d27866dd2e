"""What the head of a page tells search engines and other sites, and the theme it begins with.

The description is the page's first paragraph. Addresses of the site itself (the canonical link, the
site map, the picture that other sites show) are given only where `html_baseurl` is set.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from helpers import tokens

LENGTH = 160  # of a description: search engines cut what is longer
PICTURE = "_static/social.png"
PICTURE_TEXT = "A plane cut into regions by straight walls, with leaves and fibres in each region."
# The reader's choice, or her system's, before anything is drawn. A browser may refuse to remember.
CHOOSE = """(({ dataset }) => {
  let kept;
  try { kept = localStorage.getItem("course-mode"); } catch { /* then the system decides */ }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  dataset.mode = kept || "auto";
  dataset.theme = ["light", "dark"].includes(kept) ? kept : dark;
})(document.documentElement);"""


def summary(doctree: nodes.document | None) -> str:
    """Return the start of a page's text, whole sentences if possible."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not any(paragraph.findall(nodes.math)):
            text = " ".join(paragraph.astext().split())
            if len(text) > 40:
                break
    else:
        return ""
    if len(text) <= LENGTH:
        return text
    whole = [end.end() for end in re.finditer(r"[.?!](?= )", text[:LENGTH])]
    if whole and whole[-1] > LENGTH // 3:
        return text[: whole[-1]]
    return text[: LENGTH - 1].rsplit(" ", 1)[0] + "…"


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the description and what other sites show of the page."""
    about = summary(doctree) or app.config.site_description
    title = re.sub(r"<[^>]+>", "", context.get("title") or "") or app.config.html_title
    rows = [("name", "description", about)]
    if page in ("search", "genindex"):
        rows.append(("name", "robots", "noindex"))
    rows += [
        ("property", "og:type", "website" if page == app.config.root_doc else "article"),
        ("property", "og:site_name", app.config.html_title),
        ("property", "og:title", title),
        ("property", "og:description", about),
        ("property", "og:locale", "en_GB"),
        ("name", "theme-color", tokens.colour("leaf")),
    ]
    if base := app.config.html_baseurl:
        base = base.rstrip("/")
        rows += [
            ("property", "og:url", f"{base}/{page}.html"),
            ("property", "og:image", f"{base}/{PICTURE}"),
            ("property", "og:image:alt", PICTURE_TEXT),
            ("name", "twitter:card", "summary_large_image"),
        ]
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{escape(content, quote=True)}" />\n'
        for kind, name, content in rows
    )


def map_site(app: Sphinx, exception: Exception | None) -> None:
    """Write sitemap.xml and robots.txt where the address of the site is known."""
    base = app.config.html_baseurl.rstrip("/")
    if exception or app.builder.name != "html" or not base:
        return
    places = "".join(
        f"<url><loc>{escape(base)}/{page}.html</loc></url>\n" for page in sorted(app.env.found_docs)
    )
    folder = Path(app.outdir)
    (folder / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n'
    )
    (folder / "robots.txt").write_text(f"User-agent: *\nSitemap: {base}/sitemap.xml\n")


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_config_value("site_description", "", "html")
    app.add_js_file(None, body=CHOOSE, priority=100, **{"data-course": ""})
    app.connect("html-page-context", describe)
    app.connect("build-finished", map_site)
