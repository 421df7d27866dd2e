"""Checkers of chapter 5, Frobenius and involutivity."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks import unfinished
from helpers.foliation import involutivity_defect, lie_bracket
from helpers.models import MLP


def leaf_height(function: Callable[[float, float, tuple[float, float, float]], Any]) -> None:
    """Exercise 1: `function(x, y, point)` is the height of the leaf through the point."""
    for x0, y0, z0 in ((0.0, 0.0, 0.0), (1.0, 2.0, 5.0), (-1.5, 0.5, 0.0)):
        point = (x0, y0, z0)
        answer = function(x0, y0, point)
        if unfinished(answer, "return the height over (x, y) of the leaf through the point"):
            return
        assert abs(float(answer) - z0) < 1e-9, (
            f"the leaf through {point} must pass through {point}: over ({x0:g}, {y0:g}) your "
            f"height is {float(answer):g}"
        )
        for x, y in ((2.0, 1.0), (-0.5, 3.0)):
            right = z0 + x * y - x0 * y0
            assert abs(float(function(x, y, point)) - right) < 1e-9, (
                f"over ({x:g}, {y:g}) the leaf through {point} has another height; on it z − xy "
                "is constant"
            )
    print("Right: every point has its leaf, and z − xy tells them apart.")


def my_bracket(function: Callable[..., Any]) -> None:
    """Exercise 2: `function(X, Y, x)` is the bracket of two fields at x."""
    generator = torch.Generator().manual_seed(2)
    for n in (2, 3, 6):
        a, b = torch.randn(2, n, n, generator=generator, dtype=torch.float64)
        point = torch.randn(n, generator=generator, dtype=torch.float64)

        def first(v: Tensor, a: Tensor = a) -> Tensor:
            return (a @ v).sin()

        def second(v: Tensor, b: Tensor = b) -> Tensor:
            return (b @ v) ** 2 + v

        answer = function(first, second, point)
        if unfinished(answer, "return [X, Y] at x, a vector (n,)"):
            return
        assert tuple(answer.shape) == (n,), f"expected shape ({n},), got {tuple(answer.shape)}"
        right = lie_bracket(first, second, point)
        assert not torch.allclose(answer, -right), (
            "the sign is wrong: [X, Y] is the change of Y along X minus the change of X along Y"
        )
        assert torch.allclose(answer, right, rtol=1e-8), (
            "not ∂Y X − ∂X Y: differentiate Y in the direction X(x), and X in the direction Y(x)"
        )
    print("Right: two derivatives in a direction, no matrix.")


def largest_closure(function: Callable[[int, int], Any]) -> None:
    """Exercise 3: `function(C, n)` is the largest dimension of D + [D, D]."""
    for classes, n in ((10, 784), (2, 784), (3, 784), (100, 3072), (10, 20), (5, 3), (4, 1)):
        answer = function(classes, n)
        if unfinished(answer, "return the largest dimension of D + [D, D] for C classes, n inputs"):
            return
        r = min(classes - 1, n)
        right = min(n, r * (r + 1) // 2)
        assert answer <= n, f"{answer} dimensions do not fit into a space of n = {n}"
        assert answer != classes * (classes + 1) // 2 or answer == right, (
            f"you count {classes} fields; D has at most C − 1 dimensions"
        )
        assert answer == right, (
            f"for C = {classes}, n = {n} it is not {answer}: r fields and one bracket for each "
            "pair, with r = min(C − 1, n), in a space of n dimensions"
        )
    print("Right: 45 for ten classes, 1 for two, and never more than n.")


def kernel_closure(answer: Any) -> None:
    """Exercise 4: the dimension of ker G + [ker G, ker G], a number."""
    if unfinished(answer, "put a number in place of the dots"):
        return
    assert answer != 784, "the brackets do not fill the space: what is the derivative of p along X?"
    assert answer not in (9, 45), "that is D; the question is about the kernel of G"
    assert answer == 775, f"{answer} is not the dimension; the kernel has 784 − 9, and no bracket…"
    print("Right: the kernel is involutive for every smooth network, and its leaves keep p.")


def bracket_of_scores(function: Callable[[Tensor, Tensor, int, int], Any]) -> None:
    """Exercise 5: `function(J, p, i, j)` is [∇ log p_i, ∇ log p_j] inside a region."""
    generator = torch.Generator().manual_seed(5)
    for classes, n in ((3, 5), (4, 8), (10, 50_000)):
        J = torch.randn(classes, n, generator=generator, dtype=torch.float64)
        p = torch.randn(classes, generator=generator, dtype=torch.float64).softmax(0)
        for i, j in ((0, 1), (2, 0)):
            answer = function(J, p, i, j)
            if unfinished(answer, "return [∇ log p_i, ∇ log p_j] from J and p, a vector (n,)"):
                return
            assert tuple(answer.shape) == (n,), f"expected ({n},), got {tuple(answer.shape)}"
            along = J @ (J[j] - J[i])
            right = J.T @ (p * along - p * (p @ along))
            assert not torch.allclose(answer, -right), "the sign is wrong: it is G(a_j − a_i)"
            assert not torch.allclose(answer, J.T @ (p * along)), (
                "G has diag p − ppᵀ in the middle, and you left out ppᵀ"
            )
            assert torch.allclose(answer, right, rtol=1e-8, atol=1e-10), "not G(a_j − a_i)"
    print("Right: first derivatives only, and for n = 50,000 G itself would take 18.6 GiB.")


def smooth_head(answer: Any) -> None:
    """Exercise 6: the dimensions of D and of D + [D, D] of a ReLU network with a smooth head."""
    if unfinished(answer, "put a pair of numbers in place of the dots"):
        return
    dimension, closure = answer
    assert dimension == 9, (
        f"D is spanned by differences of ten gradients: 9 dimensions, not {dimension}"
    )
    assert closure != 45, (
        "45 is the bound for scores that are smooth in every way; here all lie in…"
    )
    assert closure != 9, (
        "for h linear it is 9; else the weights h'(s_i) change along D, and the fields turn"
    )
    assert closure == 10, f"all fields lie in the span of the ten a_i, so not {closure}"
    print("Right: one more dimension, that of the span of all ten gradients.")


def median_defect(function: Callable[[nn.Module, Tensor], Any]) -> None:
    """Exercise 7: `function(model, x)` is the median of the largest sines, without nan."""
    generator = torch.Generator().manual_seed(7)
    for sizes, activation in (((8, 10, 4), nn.Tanh), ((8, 10, 3), nn.GELU), ((8, 10, 2), nn.Tanh)):
        torch.manual_seed(sum(sizes))
        model = MLP(sizes, activation, dtype=torch.float64).eval()
        x = torch.rand(5, 8, generator=generator, dtype=torch.float64)
        answer = function(model, x)
        if unfinished(answer, "return the median of the sines over the batch, a number"):
            return
        sine = involutivity_defect(model, x)[0]
        if sine.isnan().all():
            assert math.isnan(float(answer)), "two classes have no bracket: the answer is nan"
            continue
        assert abs(float(answer) - sine.nanmedian().item()) < 1e-6, (
            f"{float(answer):.4f} is not the median of the largest sines, {sine.nanmedian():.4f}"
        )
    print("Right: now look at what training does to it.")
