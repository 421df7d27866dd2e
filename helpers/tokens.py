"""The visual language: colours, lines, markers, type and spacing, each in one place.

`tokens.json` is the source. The pages and the walk take it as custom properties of CSS (`css`),
what draws a picture as plain values (`colour`), Matplotlib as a style (`style`) and as what a thing
looks like (`line`); the figures of the chapters do not use these two yet. A
thing has one colour and one line everywhere: leaf blue and solid, fibre orange and dashed, noise
purple and dotted, walls charcoal and thick, data black, controls grey and thin.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from cycler import cycler

Mode = Literal["light", "dark"]

TOKENS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "tokens.json").read_text(encoding="utf-8")
)
# Groups of the file, and what their names begin with in CSS; colours have no prefix.
PREFIXES = {
    "font": "font-",
    "size": "size-",
    "measure": "measure-",
    "space": "s-",
    "radius": "radius-",
}


def colour(name: str, mode: Mode = "light") -> str:
    """The colour of a thing, as #rrggbb.

    Args:
        name: a key of the group «colour», such as "leaf" or "seed-0".
        mode: on a light or on a dark page.

    Raises:
        KeyError: no such colour.
    """
    return TOKENS["colour"][name][mode]


def css(
    light: str = ":root",
    dark: str = ':root[data-theme="dark"]',
    system: str | None = ':root:not([data-theme="light"])',
) -> str:
    """All tokens as custom properties, of a light and of a dark page. On paper it is always light.

    Args:
        light: selector of what has them.
        dark: selector of the same on a page that is dark by the reader's choice.
        system: the same where her system decides; None: nowhere.
    """
    plain = [
        f"--{prefix}{name}: {value};"
        for group, prefix in PREFIXES.items()
        for name, value in TOKENS[group].items()
    ]
    colours = {
        mode: [f"--{name}: {values[mode]};" for name, values in TOKENS["colour"].items()]
        for mode in ("light", "dark")
    }

    def rule(selector: str, mode: str, more: Sequence[str] = ()) -> str:
        lines = [f"color-scheme: {mode};", *colours[mode], *more]
        return "\n".join([f"{selector} {{", *(f"  {line}" for line in lines), "}"])

    parts = [rule(light, "light", plain)]
    if system:
        parts.append(
            f"@media screen and (prefers-color-scheme: dark) {{\n{rule(system, 'dark')}\n}}"
        )
    parts.append(f"@media screen {{\n{rule(dark, 'dark')}\n}}\n")
    return "\n".join(parts)


def line(name: str, mode: Mode = "light") -> dict[str, Any]:
    """How Matplotlib draws a thing: arguments for `Axes.plot`.

    Args:
        name: a key of the group «line», such as "leaf".
        mode: on a light or on a dark page.

    Returns:
        color, linestyle, linewidth (points), dash_capstyle, and the gid "thing-NAME", by which a
        test finds the thing in the drawn SVG and compares its colour.

    Raises:
        KeyError: no such line.
    """
    about = TOKENS["line"][name]
    width = about["width"]
    # Matplotlib counts dashes in widths of the line.
    dash = (
        "-" if about["dash"] == "none" else (0, [float(v) / width for v in about["dash"].split()])
    )
    return {
        "color": colour(name, mode),
        "linestyle": dash,
        "linewidth": width,
        "dash_capstyle": about.get("cap", "butt"),
        "gid": f"thing-{name}",
    }


def style(mode: Mode = "light") -> dict[str, Any]:
    """A style for Matplotlib, for `plt.rc_context` or `plt.style.use`: grounds, inks and lines.

    Curves of a thing take `line`; three others, such as trainings, differ by colour and dash.

    Args:
        mode: for a light or for a dark page.
    """
    page, ink, muted, rule = (colour(name, mode) for name in ("page", "ink", "muted", "line"))
    return {
        "figure.facecolor": page,
        "savefig.facecolor": page,
        "axes.facecolor": page,
        "axes.edgecolor": muted,
        "axes.labelcolor": ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(
            color=[colour(f"seed-{k}", mode) for k in range(3)], linestyle=["-", "--", ":"]
        ),
        "grid.color": rule,
        "text.color": ink,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "legend.frameon": False,
        "svg.hashsalt": "course",
    }
