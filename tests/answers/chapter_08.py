"""Answers to the exercises of chapter 8: right ones, and wrong ones that are tempting."""

import torch


def share(J, v):
    M = (J[:-1] - J[-1]).double()
    b = M @ v.double()
    return b @ torch.linalg.solve(M @ M.T, b) / v.double().square().sum()


def rows_share(J, v):
    """Of the rows themselves, not of their differences."""
    basis = torch.linalg.qr(J.T).Q.T
    return (basis @ v).square().sum() / v.square().sum()


def dimension(r):
    return 1 / (r[:, -1:] / r[:, :-1]).log().mean()


def move(J, change):
    return torch.linalg.pinv(J - J.mean(0), rtol=1e-10) @ (change - change.mean())


def off_leaf(J, change):
    """Right scores, plus a piece of the kernel."""
    kernel = torch.linalg.svd(J - J.mean(0))[2][-1]
    return move(J, change) + kernel


def shift(images):
    return (images.roll(1, dims=3) - images.roll(-1, dims=3)) / 2


def directions(images, labels):
    means = torch.stack([images[labels == c].mean(0) for c in range(10)])
    return torch.linalg.qr((means[:-1] - means[-1:]).T).Q.T


RIGHT = {
    "best_share": lambda values, d: values.sort(descending=True).values[:d].sum() / values.sum(),
    "tangent_share": share,
    "levina_bickel": dimension,
    "move_for_scores": move,
    "shift_tangent": shift,
    "nine_directions": directions,
}
WRONG = [
    ("best_share", lambda values, d: d / len(values)),
    ("best_share", lambda values, d: values[:d].sum() / values.sum()),
    ("best_share", lambda values, d: values.sort().values[:d].sum() / values.sum()),
    ("tangent_share", lambda J, v: 1 - share(J, v)),
    ("tangent_share", lambda J, v: share(J, v) ** 0.5),
    ("tangent_share", rows_share),
    ("levina_bickel", lambda r: 1 / dimension(r)),
    ("levina_bickel", lambda r: (1 / (r[:, -1:] / r[:, :-1]).log().mean(1)).mean()),
    ("levina_bickel", lambda r: dimension(r) * (r.shape[1] - 2) / (r.shape[1] - 1)),
    ("levina_bickel", lambda r: 1 / (r[:, -1:] / r).log().mean()),
    ("move_for_scores", off_leaf),
    ("move_for_scores", lambda J, change: torch.linalg.pinv(J) @ change),
    ("move_for_scores", lambda J, change: J.T @ change),
    ("move_for_scores", lambda J, change: move(J, change)[:-1]),
    ("shift_tangent", lambda images: -shift(images)),
    ("shift_tangent", lambda images: 2 * shift(images)),
    ("shift_tangent", lambda images: shift(images.mT).mT),
    ("nine_directions", lambda images, labels: images[:9]),
    ("nine_directions", lambda images, labels: directions(images, labels).T),
]
