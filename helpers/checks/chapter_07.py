"""Checkers of chapter 7, leaf navigation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks import random_tensor, unfinished


def _projector(J: Tensor) -> Tensor:
    """Orthogonal projector on the differences of the rows of J, `(n, n)`."""
    differences = J[1:] - J[:1]
    return torch.linalg.pinv(differences) @ differences


def random_target(answer: Any) -> None:
    """Exercise 1: the share of the distance that is left, for a random target and C = n/4 + 1."""
    if unfinished(answer, "put a number between 0 and 1 in place of the dots"):
        return
    answer = float(answer)
    assert abs(answer - 0.75) > 1e-6, "this is the square: the distance is its root"
    assert abs(answer - 0.5) > 1e-6, "this is the part of the way that the leaf allows"
    assert abs(answer - 0.75**0.5) < 1e-3, (
        f"{answer:g} is not right: a random direction has C − 1 of n equal shares in D, here one "
        "quarter of its squared length; Pythagoras gives what is left"
    )
    print("Right: √(1 − (C − 1)/n), which is 0.994 for ten classes and 784 pixels.")


def leaf_step(function: Callable[[Tensor, Tensor, float], Any]) -> None:
    """Exercise 2: `function(J, v, h)` is one step of the exact leaf walk, `(n,)`."""
    for classes, n, repeated in ((3, 6, False), (10, 40, False), (10, 40, True)):
        J = random_tensor(classes, n, seed=classes)
        if repeated:
            J[-1] = J[0]  # one dimension less
        v = random_tensor(n, seed=n)
        projector = _projector(J)
        for h in (0.1, 1e3):
            answer = function(J, v, h)
            if unfinished(answer, "return the step, a vector (n,)"):
                return
            right = projector @ v
            right = right * min(1.0, h / float(right.norm()))
            assert tuple(answer.shape) == (n,), f"expected shape ({n},), got {tuple(answer.shape)}"
            outside = float((answer - projector @ answer).norm() / answer.norm())
            assert outside < 1e-8, (
                f"a part of {outside:.2g} of your step is outside D: the score gradients have to "
                "be centred, and singular vectors whose value is round-off left out"
            )
            assert h < 1 or float(answer.norm()) < 0.5 * h, (
                "a step that is shorter than h must not be stretched to h"
            )
            assert torch.allclose(answer, right, atol=1e-8), "not the projection of v, cut to h"
    print("Right: also where D has one dimension less, and where the projection is short.")


def off_leaf_share(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(J, step)` is the share of ‖step‖² outside D."""
    for classes, n in ((3, 6), (10, 40)):
        J = random_tensor(classes, n, seed=classes)
        projector, v = _projector(J), random_tensor(n, seed=n)
        inside, across = projector @ v, v - projector @ v
        for share in (0.0, 0.36, 1.0):
            step = (1 - share) ** 0.5 * inside / inside.norm() + share**0.5 * across / across.norm()
            answer = function(J, 3 * step)
            if unfinished(answer, "return a share from 0 to 1"):
                return
            answer = float(answer)
            assert abs(answer - share) < 1e-8 or abs(answer - (1 - share)) > 1e-8, (
                "this is the share inside D"
            )
            assert abs(answer - share) < 1e-8 or abs(answer - share**0.5) > 1e-8, (
                "a share of squared lengths is asked for, not of lengths"
            )
            assert abs(answer - share) < 1e-8, f"{answer:.3f} instead of {share:.3f}"
    print("Right: with this number a figure of a path can be checked by its readers.")


def foot(function: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(W, x, target)` is where the walk ends for scores Wx + b, `(n,)`."""
    for classes, n in ((2, 5), (4, 12), (10, 60)):
        W = random_tensor(classes, n, seed=1)
        x, target = random_tensor(n, seed=2), random_tensor(n, seed=3)
        answer = function(W, x, target)
        if unfinished(answer, "return the point where the walk ends, shape (n,)"):
            return
        assert tuple(answer.shape) == (n,), f"expected shape ({n},), got {tuple(answer.shape)}"
        differences = W[1:] - W[:1]
        assert (differences @ (target - answer)).abs().max() < 1e-8, (
            "the rest of the way has a part in D, so the walk would go on from your point"
        )
        projector = _projector(W)
        assert torch.allclose(projector @ (answer - x), answer - x, atol=1e-8), (
            "your point is not on the leaf of x"
        )
    print("Right: and its scores differ from those of the target by a constant, so p is the same.")


def symbol(function: Callable[[], Any]) -> None:
    """Exercise 5: `function()` is an image `(1, 1, 28, 28)` with pixels in [0, 1]."""
    answer = function()
    if unfinished(answer, "draw a symbol and return it as an image (1, 1, 28, 28)"):
        return
    assert tuple(answer.shape) == (1, 1, 28, 28), (
        f"an image with its batch axis has shape (1, 1, 28, 28), not {tuple(answer.shape)}"
    )
    assert float(answer.min()) >= 0 and float(answer.max()) <= 1, "pixels lie in [0, 1]"
    assert 0.01 < float(answer.mean()) < 0.9 and float(answer.std()) > 0.05, (
        "there is nothing to see: the image is nearly empty, full or grey"
    )
    print("Right: now predict where the walk will stall, and look.")
