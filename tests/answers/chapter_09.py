"""Answers to the exercises of chapter 9: right ones, and wrong ones that are tempting."""

import torch
from torch.func import hessian, jacfwd

from helpers.information import fisher_rao_distance


def pinv(J):
    return torch.linalg.pinv(J - J.mean(0))


def length(logits):
    return fisher_rao_distance(logits[1:], logits[:-1]).sum()


def gauss(f, c):
    slope = jacfwd(f)(c)
    return torch.linalg.det(hessian(f)(c)) / (1 + slope @ slope) ** 2


def frame(J, p):
    sigma, gram = p.diag() - torch.outer(p, p), J @ J.T
    return sigma @ gram @ sigma @ gram @ sigma


def sigma_gram_sigma(J, p):
    sigma = p.diag() - torch.outer(p, p)
    return sigma @ (J @ J.T) @ sigma


RIGHT = {
    "coins_curvature": 0,
    "towards_corner": lambda J, k: pinv(J)[:, k],
    "path_length": length,
    "image_with": lambda J, s, q: pinv(J) @ (q.log() - s),
    "graph_curvature": gauss,
    "frame_matrix": frame,
    "detour": lambda logits: length(logits) / fisher_rao_distance(logits[0], logits[-1]),
}
WRONG = [
    ("coins_curvature", 0.25),
    ("coins_curvature", 1),
    ("towards_corner", lambda J, k: J[k]),
    ("towards_corner", lambda J, k: torch.linalg.pinv(J)[:, k]),
    ("path_length", lambda logits: fisher_rao_distance(logits[0], logits[-1])),
    ("path_length", lambda logits: length(logits) / 2),
    ("path_length", lambda logits: logits.diff(dim=0).norm(dim=1).sum()),
    ("image_with", lambda J, s, q: torch.linalg.pinv(J) @ (q.log() - s)),
    ("image_with", lambda J, s, q: J.T @ (q - s.softmax(0))),
    ("graph_curvature", lambda f, c: torch.linalg.det(hessian(f)(c))),
    ("graph_curvature", lambda f, c: -gauss(f, c)),
    ("frame_matrix", sigma_gram_sigma),
    ("frame_matrix", lambda J, p: p.diag() - torch.outer(p, p)),
    ("detour", length),
    ("detour", lambda logits: fisher_rao_distance(logits[0], logits[-1]) / length(logits)),
]
