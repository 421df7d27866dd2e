"""Answers to the exercises of chapter 6: right ones, and wrong ones that are tempting."""

import torch

from helpers import foliation as fol
from helpers.checks import chapter_06 as check


def rank_one(J, J_after):
    u, s, v = torch.linalg.svd(J_after - J, full_matrices=False)
    return s[0] * u[:, 0], v[0]


def trace_basis(Q, n):
    m = Q @ n
    if m.norm() < 1e-10:
        return Q
    return torch.linalg.svd(m[None])[2][1:] @ Q


def walls(net, a, b):
    count, x, end = 0, a, 1.0
    while True:
        t = float(fol.next_wall(net, x, b - a))
        if t >= end:
            return count
        count, end, x = count + 1, end - t - 1e-9, x + (t + 1e-9) * (b - a)


def nearest(z, gradients):
    size = gradients.norm(dim=1)
    return (z.abs() / size)[size > 0].min()


def angle(Q, Q_after, n):
    a, b = trace_basis(Q, n), trace_basis(Q_after, n)
    return torch.linalg.matrix_norm(b - b @ a.T @ a, 2).clamp(max=1).asin().rad2deg()


def switched_ends(net, a, b):
    return (check._patterns(net, a) != check._patterns(net, b)).sum()


RIGHT = {
    "dimensions": lambda C: (C - 2, C - 3, C),
    "rank_one": rank_one,
    "trace_basis": trace_basis,
    "walls_on_segment": walls,
    "nearest_wall": nearest,
    "leaf_in_metric": lambda J, M: torch.linalg.solve(M, (J[1:] - J[0]).T).T,
    "trace_angle": angle,
}
WRONG = [
    ("dimensions", lambda C: (C - 1, C - 3, C)),
    ("dimensions", lambda C: (C - 2, C - 2, C)),
    ("dimensions", lambda C: (C - 2, C - 3, 2 * C - 2)),
    ("rank_one", lambda J, J_after: (rank_one(J, J_after)[0], -rank_one(J, J_after)[1])),
    ("rank_one", lambda J, J_after: tuple(2 * part for part in rank_one(J, J_after))),
    ("rank_one", lambda J, J_after: rank_one(J, J_after)[::-1]),
    ("trace_basis", lambda Q, n: Q),
    ("trace_basis", lambda Q, n: Q[1:]),
    ("trace_basis", lambda Q, n: 2 * trace_basis(Q, n)),
    ("walls_on_segment", switched_ends),
    ("walls_on_segment", lambda net, a, b: walls(net, a, b) + 1),
    ("nearest_wall", lambda z, gradients: z.abs().min()),
    ("nearest_wall", lambda z, gradients: (z.abs() / gradients.norm(dim=1)).max()),
    ("nearest_wall", lambda z, gradients: float("nan")),
    ("leaf_in_metric", lambda J, M: J[1:] - J[0]),
    ("leaf_in_metric", lambda J, M: (J[1:] - J[0]) @ M),
    ("leaf_in_metric", lambda J, M: J),
    ("trace_angle", lambda *parts: angle(*parts).deg2rad()),
    ("trace_angle", lambda Q, Q_after, n: angle(Q, Q_after, n) + 1),
]
