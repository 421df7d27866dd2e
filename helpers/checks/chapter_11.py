"""Checkers of chapter 11, Other datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch
from scipy.stats import pearsonr
from torch import Tensor

from helpers.checks import unfinished


def targets_needed(answer: Any) -> None:
    """Exercise 1: the number of targets from which a perfect order has p below 0.01."""
    if unfinished(answer, "give the smallest number of targets"):
        return
    assert int(answer) != 5, (
        "with five targets 2 of 120 orders are perfect, which is 0.017; both directions count"
    )
    assert int(answer) == 6, "count the orders of n targets, and those that are perfect"
    print("Right: 2 of 720 orders of six targets are perfect, one rising and one falling.")


def permutation_p(function: Callable[[Sequence[float], Sequence[float]], Any]) -> None:
    """Exercise 2: `function(a, b)` is the share of orders that correlate as strongly or more."""
    cases = (
        ([1.0, 2.0, 3.0], [2.0, 4.0, 7.0]),
        ([3.0, 1.0, 4.0, 1.5], [-1.0, 2.0, -5.0, 0.0]),
        ([0.1, 0.4, 0.2, 0.9, 0.3], [1.0, 0.2, 0.8, 0.5, 0.9]),
    )
    for a, b in cases:
        answer = function(a, b)
        if unfinished(answer, "return the share of all orders of b that do as well"):
            return
        here = pearsonr(a, b)[0]
        values = np.array([pearsonr(a, order)[0] for order in permutations(b)])
        both = (abs(values) >= abs(here) - 1e-9).mean()
        one = (np.sign(here) * values >= abs(here) - 1e-9).mean()
        strict = (abs(values) > abs(here) + 1e-9).mean()
        answer = float(answer)
        assert abs(answer - strict) > 1e-9 or strict == both, (
            "the order that was observed is one of the orders: it counts, so p is never 0; mind "
            "round-off when you compare with it"
        )
        assert abs(answer - both) < 1e-9 or abs(answer - one) > 1e-9, (
            "that is one-sided: count correlations that are as far from 0, of either sign"
        )
        assert abs(answer - both) < 1e-9, f"p is {both:.4f}, not {answer:.4f}, for {a} and {b}"
    print("Right: exact, and never smaller than one over the number of orders.")


def above_chance(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(accuracy, classes)` is 0 at chance and 1 where all is right."""
    accuracy = torch.tensor([0.1, 1.0, 0.55, 0.0, 0.52], dtype=torch.float64)
    classes = torch.tensor([10, 26, 10, 2, 26])
    answer = function(accuracy, classes)
    if unfinished(answer, "return accuracies on a scale on which chance is 0"):
        return
    right = (accuracy - 1 / classes) / (1 - 1 / classes)
    found = torch.as_tensor(answer, dtype=torch.float64)
    assert found.shape == right.shape, f"expected shape (5,), got {tuple(found.shape)}"
    assert not torch.allclose(found, accuracy - 1 / classes), (
        "chance is 0 now, but 100 % right is not 1: divide by what there is to gain"
    )
    assert torch.allclose(found, right), f"expected {right.tolist()}, got {found.tolist()}"
    print("Right: accuracies with different numbers of classes on one scale.")


def closest(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(wanted, pool)` are the indices of the nearest entries of the pool."""
    generator = torch.Generator().manual_seed(4)
    for size in (1, 7, 400):
        pool = torch.rand(size, generator=generator, dtype=torch.float64)
        wanted = torch.rand(30, generator=generator, dtype=torch.float64)
        answer = function(wanted, pool)
        if unfinished(answer, "return 30 indices into the pool"):
            return
        assert tuple(answer.shape) == (30,), f"expected shape (30,), got {tuple(answer.shape)}"
        assert not answer.is_floating_point(), "return indices into the pool, not its entries"
        best = (pool - wanted[:, None]).abs().amin(1)
        assert torch.allclose((pool[answer] - wanted).abs(), best), (
            "not the nearest: another entry of the pool is closer"
        )
    print("Right: every image has found its double in confidence.")


def rank_bound(function: Callable[[Sequence[Tensor], int], Any]) -> None:
    """Exercise 5: `function(hidden, classes)` bounds the rank by the units that are on."""
    hidden = [
        torch.tensor([[[1.0, -2.0], [0.0, 3.0]], [[-1.0, -1.0], [-1.0, -1.0]]]),
        torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, -1.0]]),
    ]
    for classes, right in ((10, [2, 0]), (2, [1, 0])):
        answer = function(hidden, classes)
        if unfinished(answer, "return one bound for each image"):
            return
        found = torch.as_tensor(answer).tolist()
        assert found == right, (
            f"for {classes} classes the bounds are {right}, not {found}; count positive entries, "
            "image by image, in the emptiest layer, and go no higher than C − 1"
        )
    print("Right: what the emptiest layer does not let through, no later layer brings back.")


def my_images(function: Callable[[], Any]) -> None:
    """Exercise 6: `function()` returns grey images of the size of a digit."""
    answer = function()
    if unfinished(answer, "return images of shape (B, 1, 28, 28) with pixels in [0, 1]"):
        return
    assert isinstance(answer, Tensor) and answer.is_floating_point(), (
        "return a tensor of floating-point numbers"
    )
    assert answer.dim() == 4 and answer.shape[1:] == (1, 28, 28) and len(answer) >= 20, (
        f"expected at least 20 images (B, 1, 28, 28), got shape {tuple(answer.shape)}"
    )
    assert 0 <= answer.min() and answer.max() <= 1, (
        f"the pixels should be in [0, 1], but run from {answer.min():.1f} to {answer.max():.1f}"
    )
    print("Right: images the network can look at. Write down your guess first.")
