"""Print the built site into one PDF, _build/dist/course.pdf, a bookmark for each page.

    python scripts/make_pdf.py

Chromium prints each page after its pictures are there and its folds are opened; pypdf joins the
pages in the order of the contents. Links from page to page become plain text.
"""

import io
import sys
from pathlib import Path

from playwright.sync_api import Browser, PdfMargins
from pypdf import PdfReader, PdfWriter
from serve import BUILT, start
from weigh import READ, contents, open_browser

FOOT = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#57606a">'
    '<span class="title"></span></div>'
)
# A link to another page of the site would lead to this machine's server.
UNLINK = """() => document.querySelectorAll("article a[href]").forEach((link) => {
  const here = link.host === location.host;
  if (here && link.pathname !== location.pathname) link.removeAttribute("href");
})"""
MARGIN = PdfMargins(top="18mm", bottom="18mm", left="16mm", right="16mm")


def print_page(browser: Browser, address: str) -> tuple[bytes, str]:
    """Return a page as PDF, and its title."""
    with browser.new_context(color_scheme="light", reduced_motion="reduce") as context:
        page = context.new_page()
        page.route("**/walk/*.js", lambda route: route.abort())  # a picture stands in its place
        page.goto(address)
        page.evaluate(READ)
        page.wait_for_load_state("networkidle")
        page.evaluate("Promise.all([...document.images].map((i) => i.decode().catch(() => 0)))")
        page.evaluate(UNLINK)
        title = page.locator("article h1").first.inner_text().rstrip("#\n ")
        printed = page.pdf(
            format="A4",
            margin=MARGIN,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOT,
        )
        return printed, title


def main() -> None:
    """Print, join, write."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BUILT
    base = start(folder)
    writer, part, parent = PdfWriter(), "", None
    with open_browser() as browser:
        for name, caption in contents():
            printed, title = print_page(browser, f"{base}{name}.html")
            first = len(writer.pages)
            reader = PdfReader(io.BytesIO(printed))
            for page in reader.pages:
                writer.add_page(page)
            if caption != part:
                part, parent = caption, writer.add_outline_item(title=caption, page_number=first)
            writer.add_outline_item(title=title, page_number=first, parent=parent)
            print(f"{title}: {len(reader.pages)} pages")
    writer.add_metadata({"/Title": "The geometry of data through deep learning"})
    target = folder.parent / "dist" / "course.pdf"
    target.parent.mkdir(parents=True, exist_ok=True)
    writer.compress_identical_objects()
    writer.write(target)
    print(f"{target}: {len(writer.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
