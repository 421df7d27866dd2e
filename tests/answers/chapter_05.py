"""Answers to the exercises of chapter 5: right ones, and wrong ones that are tempting."""

import torch

from helpers import foliation as fol


def closure(C, n):
    r = min(C - 1, n)
    return min(n, r * (r + 1) // 2)


def scores(J, p, i, j):
    along = J @ (J[j] - J[i])
    return J.T @ (p * along - p * (p @ along))


RIGHT = {
    "leaf_height": lambda x, y, point: point[2] + x * y - point[0] * point[1],
    "my_bracket": fol.lie_bracket,
    "largest_closure": closure,
    "kernel_closure": 775,
    "bracket_of_scores": scores,
    "smooth_head": (9, 10),
    "median_defect": lambda model, x: fol.involutivity_defect(model, x)[0].nanmedian(),
}
WRONG = [
    ("leaf_height", lambda x, y, point: x * y),
    ("leaf_height", lambda x, y, point: point[2]),
    ("leaf_height", lambda x, y, point: point[2] - x * y + point[0] * point[1]),
    ("my_bracket", lambda X, Y, x: fol.lie_bracket(Y, X, x)),
    ("my_bracket", lambda X, Y, x: torch.func.jvp(Y, (x,), (X(x),))[1]),
    ("my_bracket", lambda X, Y, x: fol.lie_bracket(X, Y, x)[None]),
    ("largest_closure", lambda C, n: C * (C - 1) // 2),
    ("largest_closure", lambda C, n: C * (C + 1) // 2),
    ("largest_closure", lambda C, n: min(n, C - 1)),
    ("kernel_closure", 784),
    ("kernel_closure", 45),
    ("kernel_closure", 774),
    ("bracket_of_scores", lambda J, p, i, j: -scores(J, p, i, j)),
    ("bracket_of_scores", lambda J, p, i, j: J.T @ (p * (J @ (J[j] - J[i])))),
    ("bracket_of_scores", lambda J, p, i, j: 0 * J[0]),
    ("smooth_head", (9, 45)),
    ("smooth_head", (9, 9)),
    ("smooth_head", (10, 10)),
    ("smooth_head", (9, 11)),
    ("median_defect", lambda model, x: fol.involutivity_defect(model, x)[0].max()),
    ("median_defect", lambda model, x: fol.involutivity_defect(model, x)[1].median()),
]
