"""Checkers of chapter 8, Is the data on a leaf?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks import unfinished


def _near(found: Any, right: Tensor | float, tolerance: float = 1e-6) -> bool:
    found = torch.as_tensor(found, dtype=torch.float64)
    right = torch.as_tensor(right, dtype=torch.float64)
    return found.shape == right.shape and torch.allclose(found, right, rtol=tolerance, atol=1e-9)


def best_share(function: Callable[[Tensor, int], Any]) -> None:
    """Exercise 1: `function(eigenvalues, d)` is the share of the d largest in their sum."""
    cases = (([4.0, 1.0, 3.0, 2.0], 1, 0.4), ([0.0, 5.0, 5.0, 0.0, 10.0], 2, 0.75))
    for values, d, right in cases:
        answer = function(torch.tensor(values, dtype=torch.float64), d)
        if unfinished(answer, "return the largest share that d dimensions can hold"):
            return
        assert not _near(answer, d / len(values)), (
            "that is chance, d/n: the mean share of a fixed subspace if all eigenvalues are equal"
        )
        assert _near(answer, right), (
            f"for the eigenvalues {values} and d = {d} the share is {right:g}, not "
            f"{float(answer):g}; the eigenvalues come in any order"
        )
    print("Right: principal components are the best that a fixed subspace can do.")


def tangent_share(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 2: `function(J, v)` is the share of ‖v‖² in the span of the centred rows of J."""
    generator = torch.Generator().manual_seed(2)
    for classes, n in ((3, 7), (10, 200)):
        basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
        mix = torch.randn(classes, classes - 1, generator=generator, dtype=torch.float64)
        # A part common to all classes changes no probability, and must not count.
        J = mix @ basis[: classes - 1] + 5 * basis[classes]
        for right in (0.0, 0.3, 1.0):
            v = 2 * (right**0.5 * basis[0] + (1 - right) ** 0.5 * basis[classes])
            answer = function(J, v)
            if unfinished(answer, "return the share of ‖v‖² in D, a number from 0 to 1"):
                return
            assert right == 0.3 or _near(answer, right, 1e-5) or not _near(answer, 1 - right), (
                "you return the share outside D"
            )
            assert _near(answer, right, 1e-5), (
                f"the share is {right:g}, not {float(answer):g}; squared lengths, and differences "
                "of the rows of J, not the rows themselves"
            )
    print("Right: a system of C − 1 equations, whatever the number of pixels.")


def levina_bickel(function: Callable[[Tensor], Any]) -> None:
    """Exercise 3: `function(r)` is the inverse of the mean of ln(r_k / r_j)."""
    generator = torch.Generator().manual_seed(3)
    for dimension, k in ((2, 3), (9, 5), (5, 20)):
        uniform = torch.rand(4000, k, generator=generator, dtype=torch.float64)
        r = uniform.sort(1).values ** (1 / dimension)  # radii of uniform points in a ball
        answer = function(r)
        if unfinished(answer, "return the estimated dimension, a number"):
            return
        right = 1 / (r[:, -1:] / r[:, :-1]).log().mean()
        each = (1 / (r[:, -1:] / r[:, :-1]).log().mean(1)).mean()
        assert not _near(answer, each), (
            "you average the dimensions of single points, which is too large for few neighbours; "
            "average the logarithms over all points first, then invert"
        )
        assert not _near(answer, 1 / right), "you return 1/d"
        assert not _near(answer, right * (k - 2) / (k - 1)), (
            "you divide by k − 2; with the mean over all points before inverting it is k − 1"
        )
        assert _near(answer, right), (
            f"in dimension {dimension} with k = {k} the estimate is {right:.3f}, not "
            f"{float(answer):.3f}"
        )
    print("Right: and on points of known dimension it finds that dimension.")


def move_for_scores(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(J, change)` lies in D and changes the centred scores as wanted."""
    generator = torch.Generator().manual_seed(4)
    for classes, n in ((3, 5), (10, 60)):
        J = torch.randn(classes, n, generator=generator, dtype=torch.float64)
        change = torch.randn(classes, generator=generator, dtype=torch.float64) + 2
        answer = function(J, change)
        if unfinished(answer, "return a displacement of n entries"):
            return
        assert tuple(answer.shape) == (n,), f"expected shape ({n},), got {tuple(answer.shape)}"
        centred = J - J.mean(0)
        assert torch.allclose(centred @ answer, change - change.mean(), atol=1e-6), (
            "the centred scores do not change as wanted; centre J and the change, and drop the "
            "singular value that is 0"
        )
        basis = torch.linalg.svd(centred, full_matrices=False)[2][:-1]
        outside = (answer - basis.T @ (basis @ answer)).norm()
        assert outside < 1e-6 * answer.norm(), (
            "the scores are right, but the displacement is not in D: among all solutions take the "
            "shortest"
        )
    print("Right: on a piece of a leaf the scores are coordinates.")


def shift_tangent(function: Callable[[Tensor], Any]) -> None:
    """Exercise 5: `function(images)` is the derivative of a shift to the right."""
    column = torch.arange(12.0, dtype=torch.float64)
    bump = torch.exp(-((column - 5.0) ** 2) / 8).expand(2, 1, 9, 12).clone()
    answer = function(bump)
    if unfinished(answer, "return images of the same shape"):
        return
    assert answer.shape == bump.shape, f"expected {tuple(bump.shape)}, got {tuple(answer.shape)}"
    right = (bump.roll(1, dims=3) - bump.roll(-1, dims=3)) / 2
    inside = (..., slice(2, -2))  # what happens at the border is left free
    assert not torch.allclose(answer[inside], -right[inside]), (
        "the sign is wrong: that is a shift to the left"
    )
    assert not torch.allclose(answer[inside], 2 * right[inside]), "divide by 2, the distance"
    assert torch.allclose(answer[inside], right[inside]), (
        "not the central difference of horizontal shifts (the columns are the last axis)"
    )
    print("Right: now look at how much of it lies in D.")


def nine_directions(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 6: `function(images, labels)` returns nine orthonormal rows."""
    generator = torch.Generator().manual_seed(6)
    labels = torch.arange(400) % 10
    images = torch.randn(400, 30, generator=generator, dtype=torch.float64)
    images += torch.randn(10, 30, generator=generator, dtype=torch.float64)[labels]
    answer = function(images, labels)
    if unfinished(answer, "return nine orthonormal rows, shape (9, n)"):
        return
    assert tuple(answer.shape) == (9, 30), f"expected shape (9, 30), got {tuple(answer.shape)}"
    gram = (answer @ answer.T).double()
    assert torch.allclose(gram, torch.eye(9, dtype=torch.float64), atol=1e-5), (
        "the rows are not orthonormal; torch.linalg.qr of the transpose makes them so"
    )
    print("Right: nine orthonormal rows. Now judge them.")
