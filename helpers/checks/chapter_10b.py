"""Checkers of the second page of chapter 10, training and attacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks import random_tensor, unfinished


def nearest_tie(function: Callable[[Tensor, Tensor, int], Any]) -> None:
    """Exercise 1: `function(s, J, y)` is the distance to the nearest tie with the class y."""
    s = torch.tensor([3.0, 2.0, 0.0], dtype=torch.float64)
    J = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 6.0, 1.0]], dtype=torch.float64)
    answer = function(s, J, 0)
    if unfinished(answer, "return the length of the shortest move to a tie"):
        return
    # The tie with class 1 is at 1/1, that with class 2 at 3/6.
    assert abs(float(answer) - 1.0) > 1e-9, (
        "that is the tie with the runner-up; another class can be nearer if its b_k is longer"
    )
    assert abs(float(answer) - 0.5) < 1e-9, (
        f"for s = (3, 2, 0) and the b_k of lengths 1 and 6 it is 0.5, not {float(answer):g}"
    )
    for seed, classes, n in ((1, 4, 6), (2, 10, 50)):
        s, J = random_tensor(classes, seed=seed), random_tensor(classes, n, seed=seed + 10)
        y = int(s.argmax())
        others = torch.arange(classes) != y
        right = ((s[y] - s[others]) / (J[others] - J[y]).norm(dim=1)).min()
        answer = function(s, J, y)
        assert abs(float(answer) - float(right)) < 1e-9, (
            f"with {classes} classes it is {right:.4f}, not {float(answer):.4f}; the length of "
            "a_k − a_y, not of a_k"
        )
    print("Right: the shortest way to a plane is along its normal.")


def fill(function: Callable[[Tensor, Tensor, float], Any]) -> None:
    """Exercise 2: `function(x, d, budget)` moves along d, in the box, by the whole budget."""
    x = random_tensor(5, 40, seed=2).sigmoid().round(decimals=1)
    x[:, :15] = 0
    d = torch.nn.functional.normalize(random_tensor(5, 40, seed=3))
    for budget in (0.2, 1.0):
        answer = function(x, d, budget)
        if unfinished(answer, "return the moved images, cut to [0, 1]"):
            return
        assert tuple(answer.shape) == (5, 40), f"expected (5, 40), got {tuple(answer.shape)}"
        assert answer.min() >= 0 and answer.max() <= 1, "pixels outside [0, 1]"
        long = (answer - x).norm(dim=1)
        assert not (long < budget * (1 - 1e-4)).any(), (
            f"a move of length {long.min():.3f} for the budget {budget}: cut, it is too short"
        )
        assert (long < budget * (1 + 1e-4)).all(), (
            f"a move of length {long.max():.3f} for the budget {budget}"
        )
        inside = (answer > 0) & (answer < 1)
        t = ((answer - x) / d).masked_fill(~inside, torch.nan)
        low = t.nan_to_num(torch.inf).amin(1)
        high = t.nan_to_num(-torch.inf).amax(1)
        assert ((high - low) < 1e-6).all() and (low > 0).all(), (
            "inside the box all pixels should move by the same multiple t > 0 of d"
        )
    print("Right: cut, and yet the whole budget is used.")


def score_gradient(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(s, y)` is p − e_y with full relative precision."""
    s = torch.tensor([[2.0, 1.0, 0.5], [25.0, 0.0, -2.0], [0.0, 40.0, 7.0]])
    y = torch.tensor([0, 0, 1])
    answer = function(s, y)
    if unfinished(answer, "return the gradient of −log p_y in the scores, (B, C)"):
        return
    assert answer.shape == s.shape, f"expected {tuple(s.shape)}, got {tuple(answer.shape)}"
    assert answer.dtype == s.dtype, f"expected {s.dtype}, got {answer.dtype}"
    wide = s.double().softmax(1)
    others = wide.scatter(1, y[:, None], 0)
    right = others.scatter(1, y[:, None], -others.sum(1, keepdim=True))
    assert not torch.allclose(answer.double(), -right, rtol=1e-4, atol=0), "the sign is wrong"
    at_label = answer.gather(1, y[:, None])
    assert (at_label != 0).all(), (
        "an entry at the label is 0: p_y is rounded to 1. Find 1 − p_y without a difference"
    )
    assert torch.allclose(answer.double(), right, rtol=1e-4, atol=0), (
        f"expected {right[1].tolist()} for the scores {s[1].tolist()}, got {answer[1].tolist()}"
    )
    print("Right: what is subtracted is a sum, and a sum of positive numbers keeps its digits.")


def equal_count_error(function: Callable[..., Any]) -> None:
    """Exercise 4: `function(chance, right, bins)` is the calibration error in equal bins."""
    chance = torch.tensor([0.9, 0.6, 0.8, 0.7], dtype=torch.float64)
    right = torch.tensor([True, False, False, True])
    answer = function(chance, right, 2)
    if unfinished(answer, "return the calibration error in per cent"):
        return
    # Sorted: 0.6 (wrong), 0.7 (right) | 0.8 (wrong), 0.9 (right): gaps 0.15 and 0.35.
    assert abs(float(answer) - 0.25) > 1e-9, "in per cent, please"
    assert abs(float(answer) - 25) < 1e-9, (
        f"for two bins of two images with the gaps 15 and 35 per cent it is 25, not "
        f"{float(answer):g}"
    )
    chance = random_tensor(103, seed=4).sigmoid()
    right = random_tensor(103, seed=5) < 1
    gap = (right.double() - chance)[chance.argsort()]
    wanted = 100 * sum(float(part.sum().abs()) for part in gap.tensor_split(10)) / 103
    answer = function(chance, right, 10)
    assert abs(float(answer) - wanted) < 1e-6, (
        f"for 103 images in 10 bins it is {wanted:.3f}, not {float(answer):.3f}; weight the bins "
        "by their counts"
    )
    print("Right: every bin counts as many images as the next.")


def shifted(function: Callable[[Tensor, int, int], Any]) -> None:
    """Exercise 5: `function(images, down, right)` shifts, with 0 where nothing moves in."""
    images = random_tensor(2, 1, 6, 7, seed=5).abs() + 1
    for down, right in ((0, 0), (1, 0), (0, 2), (-1, 3), (2, -2)):
        answer = function(images, down, right)
        if unfinished(answer, "return the shifted images"):
            return
        assert answer.shape == images.shape, (
            f"expected {tuple(images.shape)}, got {tuple(answer.shape)}"
        )
        wanted = torch.zeros_like(images)
        for i in range(6):
            for j in range(7):
                if 0 <= i - down < 6 and 0 <= j - right < 7:
                    wanted[:, :, i, j] = images[:, :, i - down, j - right]
        rolled = images.roll((down, right), dims=(2, 3))
        assert (down, right) == (0, 0) or not torch.equal(answer, rolled), (
            "pixels that leave on one side come in on the other; fill with 0"
        )
        assert torch.equal(answer, wanted), f"not a shift by {down} down and {right} to the right"
    print("Right: knowledge about digits in one line.")


def my_copies(function: Callable[[Tensor, Tensor, torch.Generator], Any]) -> None:
    """Exercise 6: `function(images, labels, rng)` returns copies and their labels."""
    images = random_tensor(20, 1, 28, 28, seed=6).sigmoid()
    labels = torch.arange(20) % 10
    answer = function(images, labels, torch.Generator().manual_seed(6))
    if unfinished(answer, "return copies (M, 1, 28, 28) and labels (M,)"):
        return
    copies, said = answer
    assert copies.shape[1:] == images.shape[1:], (
        f"expected copies (M, 1, 28, 28), got {tuple(copies.shape)}"
    )
    assert said.shape == copies.shape[:1] and said.dtype == labels.dtype, (
        f"expected {len(copies)} labels of {labels.dtype}, got {tuple(said.shape)}, {said.dtype}"
    )
    assert torch.isfinite(copies).all(), "a pixel is not finite"
    print("Right in form: copies with labels. Now judge them by three trainings.")
