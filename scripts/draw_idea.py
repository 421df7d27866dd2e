"""Draw book/figures/idea.svg, the picture of the landing page.

The picture is a cartoon, but an exact one: a function of two inputs that is linear on each region
(one ReLU layer of three units), its level lines (fibres) and, region by region, the lines along
its gradient (leaves). Two points walk from x for five seconds, one along its leaf to the wall, one
along its fibre; they stand still for readers who want less motion.
"""

from pathlib import Path

import numpy as np

from helpers.tokens import colour

WIDTH, HEIGHT = 720, 400
TARGET = Path(__file__).resolve().parent.parent / "book" / "figures" / "idea.svg"

# f(x) = SLOPE·x + Σ_i OUT_i · relu(WALLS_i · (x, y, 1)), coordinates in pixels.
WALLS = np.array([[0.75, -0.66, -60.0], [0.5, 0.87, -420.0], [-0.9, 0.44, 420.0]])
OUT = np.array([0.75, -0.8, 0.55])
SLOPE = np.array([0.75, 0.95])
PAGE, HOME, DATA = (colour(name) for name in ("page", "leaf-tint", "data"))
LEAF, FIBRE, WALL = (colour(name) for name in ("leaf", "fibre", "wall"))
POINT = np.array([303.0, 128.0])
LABELS = [  # text, colour, x, y
    ("x", DATA, 312, 112),
    ("leaf of x", LEAF, 372, 172),
    ("fibre", FIBRE, 212, 76),
    ("wall", WALL, 600, 272),
    ("region", WALL, 52, 212),
]


def clip(polygon: np.ndarray, wall: np.ndarray, sign: float) -> np.ndarray:
    """Return the part of a convex polygon where sign · wall · (x, y, 1) ≥ 0."""
    height = sign * (polygon @ wall[:2] + wall[2])
    kept = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if height[i] >= 0:
            kept.append(polygon[i])
        if height[i] * height[j] < 0:
            t = height[i] / (height[i] - height[j])
            kept.append(polygon[i] + t * (polygon[j] - polygon[i]))
    return np.array(kept)


def regions() -> list[tuple[np.ndarray, np.ndarray, float, bool]]:
    """Return (polygon, gradient, constant, holds the point) of every region in the picture."""
    home = WALLS @ [*POINT, 1.0] > 0
    found = []
    for pattern in np.ndindex(2, 2, 2):
        polygon = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], dtype=float)
        for wall, active in zip(WALLS, pattern, strict=True):
            if len(polygon):
                polygon = clip(polygon, wall, 1.0 if active else -1.0)
        if len(polygon):
            weights = OUT * pattern
            gradient = SLOPE + weights @ WALLS[:, :2]
            found.append((polygon, gradient, weights @ WALLS[:, 2], all(home == pattern)))
    return found


def stripes(normal: np.ndarray, offsets: np.ndarray) -> str:
    """Return an SVG path of the lines normal · x = offset that can meet the picture."""
    centre = np.array([WIDTH, HEIGHT]) / 2
    radius = np.linalg.norm(centre) * np.linalg.norm(normal)
    offsets = offsets[np.abs(offsets - normal @ centre) < radius]
    along = np.array([-normal[1], normal[0]]) / np.linalg.norm(normal)
    feet = offsets[:, None] * normal / (normal @ normal)
    # The foot of the perpendicular from the origin can be far away: centre on the picture.
    feet = feet + ((centre - feet) @ along)[:, None] * along
    ends = [(foot - 900 * along, foot + 900 * along) for foot in feet]
    return "".join(f"M{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f}" for a, b in ends)


def way(polygon: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the way from the point to a wall, along a direction or against it."""
    ends = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        t, s = np.linalg.solve(np.column_stack([direction, a - b]), a - POINT)
        end = POINT + t * direction
        if 0 <= s <= 1 and (0.1 < end).all() and (end < (WIDTH - 0.1, HEIGHT - 0.1)).all():
            ends.append(t * direction)
    return max(ends, key=np.linalg.norm)


def walkers(polygon: np.ndarray, gradient: np.ndarray) -> str:
    """Return two points that walk from x, as far as the region goes."""
    across = np.array([-gradient[1], gradient[0]])
    ways = [("leaf", LEAF, way(polygon, gradient)), ("fibre", FIBRE, way(polygon, across))]
    frames = "".join(
        f"@keyframes {name} {{ to {{ transform: translate({w[0]:.1f}px, {w[1]:.1f}px) }} }}\n"
        f".{name} {{ animation: {name} 2.4s ease-in-out 2 alternate }}\n"
        for name, _, w in ways
    )
    points = "".join(
        f'<circle class="{name}" cx="{POINT[0]:.0f}" cy="{POINT[1]:.0f}" r="11" fill="{tone}" '
        f'stroke="{PAGE}" stroke-width="3"/>'
        for name, tone, _ in ways
    )
    motion = f"@media (prefers-reduced-motion: no-preference) {{\n{frames}}}"
    return f"<style>{motion}</style>{points}"


def draw() -> str:
    """Return the picture as SVG text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="Georgia, serif" font-size="24">'
    ]
    for k, (polygon, gradient, constant, is_home) in enumerate(regions()):
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in polygon)
        fibres = stripes(gradient, np.arange(-3000.0, 3000.0, 60.0) - constant)
        across = np.array([-gradient[1], gradient[0]]) / np.linalg.norm(gradient)
        through = across @ POINT  # so that in its own region one leaf meets the point
        leaves = stripes(across, through + np.arange(-1200.0, 1200.0, 30.0))
        parts += [
            f'<clipPath id="r{k}"><polygon points="{outline}"/></clipPath>',
            f'<g clip-path="url(#r{k})" fill="none"><polygon points="{outline}" '
            f'fill="{HOME if is_home else PAGE}" stroke="{WALL}" stroke-width="5"/>',
            f'<path d="{leaves}" stroke="{LEAF}" opacity="0.5"/>',
            f'<path d="{fibres}" stroke="{FIBRE}" opacity="0.6" stroke-dasharray="5 5"/>',
        ]
        if is_home:
            leaf = stripes(across, np.array([through]))
            parts.append(f'<path d="{leaf}" stroke="{LEAF}" stroke-width="6"/>')
            moving = walkers(polygon, gradient)
        parts.append("</g>")
    parts.append(moving)
    parts.append(f'<circle cx="{POINT[0]:.0f}" cy="{POINT[1]:.0f}" r="8" fill="{DATA}"/>')
    parts += [
        f'<text x="{x}" y="{y}" fill="{tone}" stroke="{PAGE}" stroke-width="6" '
        f'stroke-linejoin="round" paint-order="stroke">{text}</text>'
        for text, tone, x, y in LABELS
    ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
