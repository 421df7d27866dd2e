"""Checkers of chapter 9, geometry of the leaf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks import random_tensor, unfinished
from helpers.information import fisher_rao_distance

Surface = Callable[[Tensor], Tensor]


def _close(found: Any, right: Tensor, tolerance: float = 1e-8) -> bool:
    found = torch.as_tensor(found, dtype=torch.float64)
    scale = float(right.abs().max())
    return found.shape == right.shape and bool(((found - right).abs() <= tolerance * scale).all())


def coins_curvature(answer: Any) -> None:
    """Exercise 1: the curvature of the leaf of two independent coins, a number."""
    if unfinished(answer, "put a number in place of the dots"):
        return
    answer = float(answer)
    assert abs(answer - 0.25) > 1e-9, (
        "1/4 needs a leaf of dimension C − 1 = 3; this one has dimension 2"
    )
    assert abs(answer) < 1e-9, (
        f"not {answer:g}: G is diagonal, and each entry depends on its own coordinate only; "
        "can new coordinates make it the identity?"
    )
    print("Right: a flat surface in a sphere of dimension three.")


def towards_corner(function: Callable[[Tensor, int], Any]) -> None:
    """Exercise 2: `function(J, k)` is the direction of the geodesic to certainty in class k."""
    for seed, (classes, n) in enumerate(((3, 2), (4, 9), (10, 50))):
        jacobian, k = random_tensor(classes, n, seed=seed), seed % classes
        answer = function(jacobian, k)
        if unfinished(answer, "return a vector of n entries"):
            return
        assert tuple(answer.shape) == (n,), f"a direction has n = {n} entries, not {answer.shape}"
        change = jacobian @ answer
        others = torch.arange(classes) != k
        assert float(change[others].max() - change[others].min()) < 1e-8, (
            "the differences between the other scores must not change"
        )
        assert abs(float(change[k] - change[others][0]) - 1) < 1e-8, (
            "score k must rise by 1 relative to the others"
        )
        right = torch.linalg.pinv(jacobian - jacobian.mean(0))[:, k]
        assert _close(answer, right), (
            f"there is a shorter direction: {float(right.norm()):.3f} instead of "
            f"{float(answer.norm()):.3f}; stay in D, and let the constant in the scores be free"
        )
    print("Right: the geodesic to a corner is straight in pixels.")


def _great_circle(pieces: int) -> Tensor:
    p, q = random_tensor(2, 6, seed=5).softmax(1)
    t = torch.linspace(0, 1, pieces + 1, dtype=torch.float64)[:, None]
    return 2 * ((1 - t) * p.sqrt() + t * q.sqrt()).log()


def _bent(pieces: int) -> Tensor:
    t = torch.linspace(0, 6, pieces + 1, dtype=torch.float64)[:, None]
    return torch.cat([2 * t.cos(), 2 * t.sin(), t * 0, t / 3], 1)


def path_length(function: Callable[[Tensor], Any]) -> None:
    """Exercise 3: `function(logits)` is the G-length of a path from its scores (K, C)."""
    for path in (_great_circle(200), _bent(500), _bent(2000) / 1e5):
        answer = function(path)
        if unfinished(answer, "return a number, the length of the path"):
            return
        answer, right = float(answer), float(fisher_rao_distance(path[1:], path[:-1]).sum())
        straight = float(fisher_rao_distance(path[0], path[-1]))
        assert abs(right - straight) < 1e-6 or abs(answer - straight) > 1e-9, (
            "that is the distance of the two ends; follow the path"
        )
        assert abs(answer - right) < 1e-3 * right, (
            f"expected {right:.6g}, got {answer:.6g}; lengths are those of 2√p on the sphere of "
            "radius 2, and neighbouring points of a fine path nearly agree"
        )
    print("Right: the scores are enough, the images are not needed.")


def image_with(function: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(J, s, q)` is the shortest δ with softmax(s + Jδ) = q."""
    for seed, (classes, n) in enumerate(((3, 2), (5, 30), (10, 80))):
        jacobian, s = random_tensor(classes, n, seed=seed), random_tensor(classes, seed=seed + 10)
        q = random_tensor(classes, seed=seed + 20).softmax(0)
        answer = function(jacobian, s, q)
        if unfinished(answer, "return δ, a vector of n entries"):
            return
        assert tuple(answer.shape) == (n,), f"δ has n = {n} entries, not {tuple(answer.shape)}"
        assert _close((s + jacobian @ answer).softmax(0), q), (
            "softmax(s + Jδ) is not q: the scores need to agree up to a constant only"
        )
        right = torch.linalg.pinv(jacobian - jacobian.mean(0)) @ (q.log() - s)
        assert _close(answer, right), (
            f"the probabilities are right, but a shorter δ, of length {float(right.norm()):.3f} "
            f"instead of {float(answer.norm()):.3f}, has them too: a constant in the scores is free"
        )
    print("Right: the one image of the affine leaf with these probabilities.")


def graph_curvature(function: Callable[[Surface, Tensor], Any]) -> None:
    """Exercise 5: `function(f, c)` is the curvature of the graph of f at the point c."""
    c = torch.tensor([0.4, -0.3], dtype=torch.float64)
    r2 = float(c @ c)
    surfaces: list[tuple[str, Surface, float]] = [
        ("a sphere of radius 2", lambda c: (4 - c @ c).sqrt(), 0.25),
        ("a bowl", lambda c: c @ c / 2, (1 + r2) ** -2),
        ("a saddle", lambda c: c[0] * c[1], -((1 + r2) ** -2)),
        ("a cylinder", lambda c: c[0] ** 2, 0.0),
    ]
    for name, surface, right in surfaces:
        answer = function(surface, c)
        if unfinished(answer, "return the curvature, a number"):
            return
        assert abs(float(answer) - right) < 1e-8, (
            f"{name} has curvature {right:.4f} there, not {float(answer):.4f}"
        )
    print("Right: positive on a bowl, negative on a saddle, 0 on a cylinder.")


def frame_matrix(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 6: `function(J, p)` is the matrix of g(∇p_i, ∇p_j)."""
    for seed, (classes, n) in enumerate(((3, 4), (5, 60_000))):
        jacobian = random_tensor(classes, n, seed=seed)
        p = random_tensor(classes, seed=seed + 30).softmax(0)
        answer = function(jacobian, p)
        if unfinished(answer, "return the C × C matrix M"):
            return
        assert tuple(answer.shape) == (classes, classes), f"M is {classes} × {classes}"
        sigma, gram = p.diag() - torch.outer(p, p), jacobian @ jacobian.T
        plain = sigma @ gram @ sigma
        assert not _close(answer, plain), (
            "these are the plain products ∇p_i · ∇p_j; put G between the gradients"
        )
        assert not _close(answer, sigma @ gram @ gram @ sigma), "G = JᵀΣJ, and not JᵀJ"
        assert _close(answer, plain @ gram @ sigma), "not ∇p_iᵀ G ∇p_j; ∇p_i is row i of ΣJ"
    print("Right: G itself would have taken 26.8 GiB in double precision.")


def detour(function: Callable[[Tensor], Any]) -> None:
    """Exercise 7: `function(logits)` is a path's length over the distance of its ends."""
    for path in (_great_circle(200), _bent(500)):
        answer = function(path)
        if unfinished(answer, "return the length of the path over the distance of its ends"):
            return
        length = float(fisher_rao_distance(path[1:], path[:-1]).sum())
        right = length / float(fisher_rao_distance(path[0], path[-1]))
        assert abs(float(answer) - length) > 1e-6, "divide by the distance of the two ends"
        assert abs(float(answer) - right) < 1e-6 * right, (
            f"expected {right:.4f}, got {float(answer):.4f}; it is 1 on a great circle, never below"
        )
    print("Right: 1 on a great circle, more on every other path.")
