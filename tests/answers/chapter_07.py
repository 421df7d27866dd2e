"""Answers to the exercises of chapter 7: right ones, and wrong ones that are tempting."""

import torch


def basis(J):
    _, s, rows = torch.linalg.svd(J - J.mean(0), full_matrices=False)
    return rows[s > 1e-10 * s[0]]


def step(J, v, h):
    Q = basis(J)
    allowed = Q.T @ (Q @ v)
    return allowed * min(1.0, h / allowed.norm())


def share(J, v):
    Q = basis(J)
    return 1 - (Q @ v).square().sum() / v.square().sum()


def foot(W, x, target):
    Q = basis(W)
    return x + Q.T @ (Q @ (target - x))


def full_rank_step(J, v, h):
    found = J.T @ torch.linalg.lstsq(J.T, v[:, None]).solution
    return found[:, 0] * min(1.0, h / found.norm())


def square(size=8, value=1.0):
    image = torch.zeros(1, 1, 28, 28)
    image[..., 4 : 4 + size, 4 : 4 + size] = value
    return image


RIGHT = {
    "random_target": 0.75**0.5,
    "leaf_step": step,
    "off_leaf_share": share,
    "foot": foot,
    "symbol": square,
}
WRONG = [
    ("random_target", 0.75),
    ("random_target", 0.5),
    ("random_target", 0.994),
    ("leaf_step", full_rank_step),
    ("leaf_step", lambda J, v, h: h * step(J, v, h) / step(J, v, h).norm()),
    ("leaf_step", lambda J, v, h: step(J, v, 1e9)),
    ("leaf_step", lambda J, v, h: v * min(1.0, h / v.norm())),
    ("off_leaf_share", lambda J, v: 1 - share(J, v)),
    ("off_leaf_share", lambda J, v: share(J, v).clamp(min=0) ** 0.5),
    ("off_leaf_share", lambda J, v: 0.0),
    ("foot", lambda W, x, target: target),
    ("foot", lambda W, x, target: x),
    ("foot", lambda W, x, target: target - torch.linalg.pinv(W) @ W @ (target - x)),
    ("symbol", lambda: square()[0]),
    ("symbol", lambda: square(value=2.0)),
    ("symbol", lambda: square(size=0)),
]
