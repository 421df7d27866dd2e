"""Draw assets/social.png, the picture that other sites show beside a link to the course.

It is the picture of the landing page with the title on it. A maintainer runs this with Chromium.
"""

import base64
import io

from PIL import Image
from serve import ROOT
from weigh import open_browser

PAGE = """<body style="margin:0;width:1200px;height:630px;overflow:hidden;position:relative">
<img style="position:absolute;top:0;left:0;width:1200px" src="data:image/svg+xml;base64,{picture}">
<div style="position:absolute;left:0;right:0;bottom:0;padding:36px 56px;background:#ffffffee;
font-family:sans-serif"><div style="font-size:54px;font-weight:700">The geometry of data
through deep learning</div><div style="font-size:32px;margin-top:10px">An open course with proofs,
real data and checked numbers</div></div></body>"""


def main() -> None:
    """Photograph the page."""
    picture = base64.b64encode((ROOT / "book" / "figures" / "idea.svg").read_bytes()).decode()
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 630}, color_scheme="light")
        page.set_content(PAGE.format(picture=picture))
        taken = page.screenshot()
    card = Image.open(io.BytesIO(taken)).convert("RGB").quantize(128)
    card.save(ROOT / "assets" / "social.png", optimize=True)


if __name__ == "__main__":
    main()
