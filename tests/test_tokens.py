"""The visual language: contrast, and colours that a colour-blind reader can tell apart."""

import io
import itertools
import re

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup

from helpers import tokens

# Drawings are read with the parser of pages.
pytestmark = pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning")
COLOURS = tokens.TOKENS["colour"]
MODES = ("light", "dark")
# What a reader sees who lacks one kind of cone, in linear RGB: Machado, Oliveira, Fernandes 2009.
SEEN = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
# Least distance, 100 times that of OKLab, between any two of a group.
GROUPS = [
    (("leaf", "fibre", "noise", "wall", "control"), 8),
    (("proved", "reproduced", "qualified", "unreproduced"), 6),
    (tuple(f"seed-{k}" for k in range(3)), 8),
    (tuple(f"class-{k}" for k in range(10)), 5.5),
]


def linear(colour: str) -> list[float]:
    """Red, green and blue as amounts of light."""
    parts = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2."""
    weights = (0.2126, 0.7152, 0.0722)
    light = [sum(w * c for w, c in zip(weights, linear(v), strict=True)) for v in (first, second)]
    return (max(light) + 0.05) / (min(light) + 0.05)


def oklab(rgb: list[float]) -> list[float]:
    """Coordinates in which equal distances look equal (Ottosson 2020)."""
    to_cones = (
        (0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )  # fmt: skip
    to_lab = (
        (0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )  # fmt: skip
    cones = [sum(a * c for a, c in zip(row, rgb, strict=True)) for row in to_cones]
    roots = [max(c, 0) ** (1 / 3) for c in cones]
    return [sum(a * c for a, c in zip(row, roots, strict=True)) for row in to_lab]


def apart(first: str, second: str, eyes: str) -> float:
    """How different two colours look."""
    places = []
    for colour in (first, second):
        light = linear(colour)
        seen = [sum(a * c for a, c in zip(row, light, strict=True)) for row in SEEN[eyes]]
        places.append(oklab([min(1, max(0, c)) for c in seen]))
    return 100 * sum((a - b) ** 2 for a, b in zip(*places, strict=True)) ** 0.5


@pytest.mark.parametrize("mode", MODES)
def test_contrast(mode: tokens.Mode) -> None:
    for name, about in COLOURS.items():
        for ground in ("page", "panel"):
            found = contrast(about[mode], COLOURS[ground][mode])
            assert found >= about.get("needs", 1), (name, ground, found)


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("mode", MODES)
def test_colours_can_be_told_apart(mode: tokens.Mode, eyes: str) -> None:
    for names, least in GROUPS:
        for first, second in itertools.combinations(names, 2):
            assert apart(tokens.colour(first, mode), tokens.colour(second, mode), eyes) > least
    for k in range(1, 6):
        names = f"stage-{k}", f"stage-{k + 1}"
        assert apart(*(tokens.colour(name, mode) for name in names), eyes) > 5
    named = ("leaf", "fibre", "noise")
    for name in (name for name in COLOURS if name.startswith("seed-")):
        assert min(apart(COLOURS[name][mode], COLOURS[n][mode], eyes) for n in named) > 8


def test_distances_are_those_that_are_known() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert apart("#000000", "#ffffff", "all") == pytest.approx(100, abs=1e-3)
    assert apart("#ff0000", "#00ff00", "deutan") < apart("#ff0000", "#00ff00", "all") / 2


def test_css_has_every_token_in_both_modes() -> None:
    text = tokens.css()
    for name, about in COLOURS.items():
        for mode in MODES:
            assert f"--{name}: {about[mode]};" in text
    assert "--size-body: " in text and "--font-text: " in text and "--s-1: " in text
    blocks = re.findall(r"^(\S.*?|@media.*?) \{", text, re.MULTILINE)
    assert [":root", "@media screen and (prefers-color-scheme: dark)", "@media screen"] == [
        block for block in blocks if block.startswith((":root", "@")) and "data-theme" not in block
    ]
    assert "prefers" not in tokens.css(".lw", ".dark .lw", None)


def misnamed(svg: str, mode: tokens.Mode = "light") -> list[str]:
    """Return the named things of an SVG by Matplotlib that have another thing's colour."""
    faults = []
    drawing = BeautifulSoup(svg, "html.parser")
    for group in drawing.select("[id^=thing-]"):
        name = group["id"].removeprefix("thing-").partition("_")[0]
        shapes = [s for s in group.find_all(style=True) if "stroke:" in s["style"]]
        found = {re.search(r"stroke: *(#\w{6})", shape["style"])[1] for shape in shapes}
        if found != {tokens.colour(name, mode)}:
            faults.append(f"{name}: {sorted(found)}")
    return faults


@pytest.mark.parametrize("mode", MODES)
def test_named_things_have_their_colours(mode: tokens.Mode) -> None:
    """In what Matplotlib draws with the style, and not if somebody takes another's colour."""

    def drawn(**changed: str) -> str:
        with plt.rc_context(tokens.style(mode)):
            fig, ax = plt.subplots()
            for k, name in enumerate(tokens.TOKENS["line"]):
                ax.plot([0, 1], [k, k + 1], **tokens.line(name, mode))
            if changed:
                ax.lines[0].set(**changed)
            target = io.StringIO()
            fig.savefig(target, format="svg")
            plt.close(fig)
        return target.getvalue()

    assert drawn().count('id="thing-') == len(tokens.TOKENS["line"])
    assert misnamed(drawn(), mode) == []
    assert misnamed(drawn(color=tokens.colour("fibre", mode)), mode) != []


def test_an_unknown_colour_is_an_error() -> None:
    with pytest.raises(KeyError):
        tokens.colour("mauve")
