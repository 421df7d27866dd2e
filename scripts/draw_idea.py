"""Draw book/figures/idea.svg, the picture of the landing page.

The script that brings the picture to life on the page, `assets/idea.js`, also draws it at rest: a
maintainer runs this with Chromium. Alone, as in the README, the picture is light or dark with the
reader's system; in a page it takes the page's colours.
"""

from serve import ROOT
from weigh import open_browser

from helpers.tokens import Mode, colour

TARGET = ROOT / "book" / "figures" / "idea.svg"
WALLS = 3
COLOURS = ("page", "leaf-tint", "leaf", "fibre", "wall", "data")
STYLE = """
.idea-picture .ground { fill: var(--page) } .idea-picture .region { fill: var(--leaf-tint) }
.idea-picture .line { fill: none; stroke: var(--leaf); stroke-width: 1 }
.idea-picture .leaves { opacity: 0.4 }
.idea-picture .fibres { stroke: var(--fibre); stroke-dasharray: 5 5; opacity: 0.5 }
.idea-picture .wall { stroke: var(--wall); stroke-width: 3.5 }
.idea-picture .leaf { stroke-width: 6 }
.idea-picture .fibre { stroke: var(--fibre); stroke-width: 4.5; stroke-dasharray: 12 7 }
.idea-picture text { font: 600 22px "Source Serif 4", Georgia, serif; text-anchor: middle;
  dominant-baseline: middle; fill: var(--leaf); stroke: var(--page); stroke-width: 6px;
  stroke-linejoin: round; paint-order: stroke; pointer-events: none }
.idea-picture .fibre-name { fill: var(--fibre) }
.idea-picture .dot { fill: var(--data); stroke: var(--page); stroke-width: 3 }
.idea-picture .ring { fill: none } .idea-picture .near { fill: transparent }
.idea-picture .grip { fill: none; stroke: transparent; stroke-width: 26 }
.idea-picture .knob { display: none }
"""


# The picture as it is drawn, without what only the living one has.
STILL = """() => {
  const svg = document.querySelector("svg");
  for (const slider of svg.querySelectorAll("[role=slider]")) {
    slider.removeAttribute("role");
    slider.removeAttribute("tabindex");
  }
  return new XMLSerializer().serializeToString(svg);
}"""


def properties(mode: Mode) -> str:
    """Return the colours of the picture as custom properties."""
    return " ".join(f"--{name}: {colour(name, mode)};" for name in COLOURS)


def skeleton() -> str:
    """Return the picture without its lines."""
    alone = (
        f"svg:root {{ {properties('light')} }}\n@media (prefers-color-scheme: dark) "
        f"{{ svg:root {{ {properties('dark')} }} }}"
    )
    walls = ['<path class="line wall"/><path class="grip"/>'] * WALLS
    knobs = [
        f'<g class="knob" aria-label="Wall {k + 1}, {end} end" '
        'aria-valuemin="0" aria-valuemax="2320"><circle class="near" r="24"/><circle r="8"/></g>'
        for k in range(WALLS)
        for end in ("one", "other")
    ]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 440" class="idea-picture">',
            f"<style>{alone}{STYLE}</style>",
            '<rect class="ground" width="720" height="440"/>',
            '<path class="region"/><path class="line fibres"/><path class="line leaves"/>',
            *walls,
            '<path class="line fibre"/><path class="line leaf"/>',
            '<text class="leaf-name">leaf of x</text><text class="fibre-name">fibre of x</text>',
            *knobs,
            '<g class="point" aria-label="The point x" '
            'aria-valuemin="0" aria-valuemax="1"><circle class="near" r="30"/>'
            '<circle class="ring" r="18"/><circle class="dot" r="10"/></g>',
            "</svg>",
        ]
    )


def main() -> None:
    """Let the script draw into the skeleton, and keep what it has drawn."""
    script = (ROOT / "assets" / "idea.js").read_text(encoding="utf-8")
    with open_browser() as browser:
        page = browser.new_page()
        page.set_content(f'<figure class="idea">{skeleton()}</figure>')
        page.add_script_tag(content=script)
        page.wait_for_selector("figure.live")
        drawn = page.evaluate(STILL)
    TARGET.write_text(drawn + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
