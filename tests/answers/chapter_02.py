"""Answers to the exercises of chapter 2: right ones, and wrong ones that are tempting."""

import math

import torch
from torch.nn.functional import cross_entropy

from helpers.information import kl_divergence


def stable_loss(s, y):
    return cross_entropy(s, y, reduction="none")


def split_loss(q, s):
    entropy = -torch.xlogy(q, q).sum(1)
    return -(q * s.log_softmax(1)).sum(1) - entropy, entropy


def best_temperature(s, y):
    low, high, chosen = 0.01, 100.0, s.gather(1, y[:, None])[:, 0].mean()
    for _ in range(40):
        beta = (low + high) / 2
        rising = ((beta * s).softmax(1) * s).sum(1).mean() > chosen
        low, high = (low, beta) if rising else (beta, high)
    return 1 / beta


def small_loss(s, y):
    rivals = s.scatter(1, y[:, None], -torch.inf)
    t = rivals.logsumexp(1) - s.gather(1, y[:, None])[:, 0]
    return torch.logaddexp(torch.zeros_like(t), t)


def geodesic(p, q, t):
    angle = torch.arccos((p * q).sqrt().sum())
    root = (torch.sin((1 - t) * angle) * p.sqrt() + torch.sin(t * angle) * q.sqrt()) / angle.sin()
    return root**2


def disagreement(s):
    return kl_divergence(s[:, None], s[None]).mean(-1)


def chord(p, q, t):
    """Along the right arc, but not at constant speed."""
    root = (1 - t) * p.sqrt() + t * q.sqrt()
    return root**2 / (root**2).sum()


RIGHT = {
    "stable_loss": stable_loss,
    "split_loss": split_loss,
    "entropy_gap": 0.3466,
    "best_temperature": best_temperature,
    "small_loss": small_loss,
    "geodesic": geodesic,
    "symmetric_order": 4,
    "disagreement": disagreement,
}

WRONG = [
    ("stable_loss", lambda s, y: -s.softmax(1).gather(1, y[:, None])[:, 0].log()),
    ("stable_loss", lambda s, y: cross_entropy(s, y)),
    ("stable_loss", lambda s, y: s.logsumexp(1)),
    ("split_loss", lambda q, s: (kl_divergence(q.log(), s), -(q * q.log()).sum(1))),
    ("split_loss", lambda q, s: tuple(reversed(split_loss(q, s)))),
    ("entropy_gap", 0.5),
    ("entropy_gap", 1.5 * math.log(2)),
    ("best_temperature", lambda s, y: 1.0),
    ("best_temperature", lambda s, y: 1 / best_temperature(s, y)),
    ("small_loss", stable_loss),
    ("geodesic", lambda p, q, t: (1 - t) * p + t * q),
    ("geodesic", chord),
    ("symmetric_order", 3),
    ("disagreement", lambda s: disagreement(s).T),
    ("disagreement", lambda s: kl_divergence(s[:, None], s[None]).sum(-1)),
]
