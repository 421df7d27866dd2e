"""Answers to the exercises of chapter 11: right ones, and wrong ones that are tempting."""

from itertools import permutations

import numpy as np
import torch


def orders(a, b):
    """The correlation of a and b, and of a with every order of b."""
    every = [np.corrcoef(a, order)[0, 1] for order in permutations(b)]
    return np.corrcoef(a, b)[0, 1], np.array(every)


def p_value(a, b):
    here, every = orders(a, b)
    return (abs(every) >= abs(here) - 1e-9).mean()


def one_sided(a, b):
    here, every = orders(a, b)
    return (np.sign(here) * every >= abs(here) - 1e-9).mean()


def without_itself(a, b):
    here, every = orders(a, b)
    return (abs(every) > abs(here) + 1e-9).mean()


def above_chance(accuracy, classes):
    return (accuracy - 1 / classes) / (1 - 1 / classes)


def closest(wanted, pool):
    return (pool - wanted[:, None]).abs().argmin(1)


def rank_bound(hidden, classes):
    on = torch.stack([(h > 0).flatten(1).sum(1) for h in hidden])
    return on.amin(0).clamp_max(classes - 1)


def images():
    return torch.rand(20, 1, 28, 28)


RIGHT = {
    "targets_needed": 6,
    "permutation_p": p_value,
    "above_chance": above_chance,
    "closest": closest,
    "rank_bound": rank_bound,
    "my_images": images,
}
WRONG = [
    ("targets_needed", 5, "both directions"),
    ("targets_needed", 4),
    ("permutation_p", one_sided, "one-sided"),
    ("permutation_p", without_itself, "never 0"),
    ("permutation_p", lambda a, b: 1 - p_value(a, b)),
    ("above_chance", lambda accuracy, classes: accuracy - 1 / classes, "what there is to gain"),
    ("above_chance", lambda accuracy, classes: accuracy / (1 - 1 / classes)),
    ("above_chance", lambda accuracy, classes: above_chance(accuracy, classes).mean()),
    ("closest", lambda wanted, pool: pool[closest(wanted, pool)], "indices"),
    ("closest", lambda wanted, pool: (pool - wanted[:, None]).argmin(1), "not the nearest"),
    ("closest", lambda wanted, pool: closest(wanted, pool)[:5]),
    ("rank_bound", lambda hidden, classes: rank_bound(hidden, classes + 1), "C − 1"),
    ("rank_bound", lambda hidden, classes: rank_bound(hidden[1:], classes)),
    ("my_images", lambda: torch.rand(20, 28, 28), "shape"),
    ("my_images", lambda: 255 * torch.rand(20, 1, 28, 28), "pixels"),
    ("my_images", lambda: np.zeros((20, 1, 28, 28)), "tensor"),
]
