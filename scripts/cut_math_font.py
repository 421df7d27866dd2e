"""Cut assets/fonts/math.woff2 out of STIX Two Math.

    pip install brotli
    pip download --no-deps ziamath==0.13     # brings the font
    python scripts/cut_math_font.py STIXTwoMath-Regular.ttf

A maintainer runs this once, after a change of the list below, and commits the result. Browsers need
a font with a table MATH to set formulas: it says how far scripts rise, how brackets grow, how thick
bars are. What remains: letters of formulas, upright, italic, bold and double-struck, Greek, the
signs of ordinary mathematics and the larger pieces of brackets, sums and roots.
"""

import sys
from pathlib import Path

from fontTools import subset, ttLib

TARGET = Path(__file__).resolve().parent.parent / "assets" / "fonts" / "math.woff2"
NAME = "Course Math"

GREEK = [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA), *map(ord, "ϑϕϖϵ")]
ITALIC = [
    *range(0x1D434, 0x1D455),
    0x210E,
    *range(0x1D456, 0x1D468),
    0x1D6A4,
    0x1D6A5,
    *range(0x1D6E2, 0x1D71C),
]
BOLD = [*range(0x1D400, 0x1D434), *range(0x1D7CE, 0x1D7D8)]
DOUBLE = [0x2102, 0x2115, 0x2119, 0x211A, 0x211D, 0x2124, 0x1D53C, 0x1D7D9]
SIGNS = (
    "¨¬¯±·×÷ıȷˆ˙˜–—‖†‡•…′″‴‾ℓ℘←↑→↓↔↦⇐⇒⇔⟵⟶⟹⟺⟼∀∂∃∄∅∆∇∈∉∋∏∐∑−∓∖∗∘∙√∛∝∞∠∣∤∥∦∧∨∩∪∫∬∮∴∵∶∼∽≃≅≈≉≔≕≠≡≢≤≥≪≫"
    "⊂⊃⊄⊆⊇⊈⊊⊕⊖⊗⊙⊢⊤⊥⋀⋁⋂⋃⋅⋆⋍⋮⋯⋰⋱⌈⌉⌊⌋⏜⏝⏞⏟■□◦◼⟂⟦⟧⟨⟩⩽⩾"
)
MARKS = [*range(0x300, 0x309), 0x30C, 0x332, 0x338, 0x20D7, 0x2061, 0x2062, 0x2063, 0xA0]
UNICODES = {*range(0x20, 0x7F), *GREEK, *ITALIC, *BOLD, *DOUBLE, *map(ord, SIGNS), *MARKS}


def narrow_roots(font: ttLib.TTFont) -> None:
    """Give root signs of all sizes the width of the smallest.

    Chromium keeps room for the widest, so that a gap would follow every root.
    """
    variants = font["MATH"].table.MathVariants
    root = font.getBestCmap()[ord("√")]
    made = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = {record.VariantGlyph for record in made.MathGlyphVariantRecord}
    names |= {part.glyph for part in made.GlyphAssembly.PartRecords}
    width = font["hmtx"][root][0]
    for name in names - {root}:
        glyph, (old, side) = font["glyf"][name], font["hmtx"][name]
        if glyph.numberOfContours > 0:
            glyph.coordinates.scale((width / old, 1))
            glyph.coordinates.toInt()
            glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (width, round(side * width / old))


def main() -> None:
    """Cut the font and write it."""
    font = ttLib.TTFont(sys.argv[1])
    options = subset.Options(
        flavor="woff2",
        hinting=False,
        layout_features=["dtls"],  # dotless letters under accents
        name_IDs=[0, 13, 14],
        notdef_outline=True,
        glyph_names=False,
    )
    options.drop_tables += ["DSIG", "FFTM"]
    cutter = subset.Subsetter(options)
    missing = UNICODES - set(font.getBestCmap())
    assert not missing, [hex(number) for number in missing]
    cutter.populate(unicodes=UNICODES)
    cutter.subset(font)
    narrow_roots(font)
    for number, name in ((1, NAME), (2, "Regular"), (4, NAME), (6, NAME.replace(" ", ""))):
        font["name"].setName(name, number, 3, 1, 0x409)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, TARGET, options)
    print(f"{TARGET.name}: {len(font.getBestCmap())} signs, {TARGET.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
