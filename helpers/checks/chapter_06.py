"""Checkers of chapter 6, linear regions and their walls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks import random_tensor, unfinished
from helpers.models import MLP


def _orthonormal(*shape: int, seed: int) -> Tensor:
    """Orthonormal rows."""
    return torch.linalg.qr(random_tensor(*shape, seed=seed).mT)[0].mT


def _same_span(found: Tensor, right: Tensor) -> bool:
    """Whether the rows of two matrices of full rank span the same space."""
    a, b = (torch.linalg.qr(rows.mT)[0] for rows in (found.double(), right.double()))
    return a.shape == b.shape and bool((b - a @ (a.T @ b)).norm() < 1e-8)


def dimensions(function: Callable[[int], Any]) -> None:
    """Exercise 1: `function(C)` is (trace, shared, reachable), three dimensions."""
    for classes in (3, 4, 10, 100):
        answer = function(classes)
        if unfinished(answer, "return three whole numbers that depend on C"):
            return
        trace, shared, reachable = (int(number) for number in answer)
        assert trace == classes - 2, (
            f"the trace of a leaf of dimension {classes - 1} in a wall that cuts through it is not "
            f"of dimension {trace}"
        )
        assert shared != classes - 2, (
            f"C − 2 = {classes - 2} is what D and D′ share; their traces lie in the wall as well"
        )
        assert shared == classes - 3, (
            f"not {shared} for C = {classes}: v = Jᵀc is in both traces if c has sum 0 and two "
            "more numbers vanish"
        )
        assert reachable == classes, (
            f"not {reachable} for C = {classes}: add the dimension of the trace, where one enters, "
            "to that of the second leaf, and subtract what they share"
        )
    print("Right: for ten classes 8, 7 and 10.")


def rank_one(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 2: `function(J, J_after)` is (u, n) with J_after − J = u nᵀ and ‖n‖ = 1."""
    for classes, n in ((2, 3), (10, 50)):
        J, u = random_tensor(classes, n, seed=1), random_tensor(classes, seed=2)
        normal = _orthonormal(1, n, seed=3)[0]
        answer = function(J, J + torch.outer(u, normal))
        if unfinished(answer, "return u, shape (C,), and the unit normal n, shape (n,)"):
            return
        found_u, found_n = answer
        assert tuple(found_u.shape) == (classes,) and tuple(found_n.shape) == (n,), (
            f"u has {classes} entries and n has {n}, not {tuple(found_u.shape)} and "
            f"{tuple(found_n.shape)}"
        )
        assert abs(float(found_n.norm()) - 1) < 1e-8, "the normal has to have length 1"
        assert torch.allclose(torch.outer(found_u, found_n), torch.outer(u, normal), atol=1e-8), (
            "u nᵀ is not the jump: check the factor (the singular value) and the signs"
        )
    print("Right: the jump has one singular value, and it belongs to the normal.")


def trace_basis(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(Q, n)` is an orthonormal basis of D ∩ n^⊥, in rows."""
    for rank, n, tangent in ((2, 3, False), (9, 60, False), (4, 20, True)):
        Q = _orthonormal(rank, n, seed=rank)
        normal = _orthonormal(1, n, seed=7)[0]
        if tangent:
            normal = normal - Q.T @ (Q @ normal)
        answer = function(Q, normal)
        if unfinished(answer, "return the basis as rows, shape (dimension of the trace, n)"):
            return
        expected = rank if tangent else rank - 1
        case = "with n orthogonal to D the whole of D lies in the wall" if tangent else "in general"
        assert tuple(answer.shape) == (expected, n), (
            f"expected shape {(expected, n)} ({case}), got {tuple(answer.shape)}"
        )
        assert (answer @ normal).abs().max() < 1e-8, "a row is not tangent to the wall"
        assert (answer - answer @ Q.T @ Q).abs().max() < 1e-8, "a row is not in D"
        eye = torch.eye(expected, dtype=torch.float64)
        assert torch.allclose(answer @ answer.T, eye, atol=1e-8), "the rows are not orthonormal"
    print("Right: also where the leaf is parallel to the wall.")


def _small_network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return MLP((3, 12, 12, 4), dtype=torch.float64).eval()


def _patterns(model: nn.Module, x: Tensor) -> Tensor:
    found = []
    for layer in model.children():
        if isinstance(layer, nn.ReLU):
            found.append(x > 0)
        x = layer(x)
    return torch.cat(found, 1)


def walls_on_segment(function: Callable[[nn.Module, Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(net, a, b)` is the number of walls on the segment from a to b."""
    for seed in range(4):
        model = _small_network(seed)
        a, b = random_tensor(2, 1, 3, seed=seed)
        answer = function(model, a, b)
        if unfinished(answer, "return a whole number"):
            return
        t = torch.linspace(0, 1, 100_001, dtype=torch.float64)[:, None]
        with torch.no_grad():
            patterns = _patterns(model, a + t * (b - a))
        right = int((patterns[1:] != patterns[:-1]).sum())
        ends = int((patterns[0] != patterns[-1]).sum())
        assert int(answer) != ends or ends == right, (
            f"{ends} units differ between the ends, but some switch on the way and back again"
        )
        assert int(answer) == right, (
            f"{int(answer)} walls instead of {right}; step a little behind each wall, and stop at b"
        )
    print("Right: counted without a grid.")


def nearest_wall(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 5: `function(z, gradients)` is the distance to the nearest wall."""
    for units, n in ((5, 3), (200, 30)):
        z, gradients = random_tensor(units, seed=units), random_tensor(units, n, seed=n)
        z[0], z[1] = 1e-6, 1e-5
        gradients[0] = 0  # the input of this unit does not depend on x
        answer = function(z, gradients)
        if unfinished(answer, "return one number, a Euclidean distance"):
            return
        answer = float(answer)
        right = float((z[1:].abs() / gradients[1:].norm(dim=1)).min())
        assert answer == answer and answer > 0, (
            f"{answer} is no distance: a unit whose gradient is 0 has no wall here"
        )
        assert abs(answer - right) < 1e-9 * right, (
            f"{answer:.3g} instead of {right:.3g}: the distance from x to the hyperplane z = 0 is "
            "|z|/‖∇z‖, and the nearest one counts"
        )
    print("Right: and no search was needed.")


def leaf_in_metric(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 6: `function(J, M)` has rows that span the M-orthogonal complement of ker G."""
    for classes, n in ((2, 3), (4, 12)):
        J, root = random_tensor(classes, n, seed=5), random_tensor(n, n, seed=6)
        M = root @ root.T + torch.eye(n, dtype=torch.float64)
        answer = function(J, M)
        if unfinished(answer, "return C − 1 independent rows, shape (C − 1, n)"):
            return
        assert tuple(answer.shape) == (classes - 1, n), (
            f"expected shape {(classes - 1, n)}, got {tuple(answer.shape)}"
        )
        differences = J[1:] - J[0]
        right = torch.linalg.solve(M, differences.T).T
        assert not _same_span(answer, differences), "this is D for the Euclidean metric, M = Id"
        assert not _same_span(answer, differences @ M), (
            "you multiplied by M: write down v · M k = 0 for all k with (a_i − a_j) · k = 0"
        )
        assert _same_span(answer, right), "the rows do not span M⁻¹D"
    print("Right: the kernel did not move, its complement did.")


def trace_angle(function: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 7: `function(Q, Q_after, n)` is the largest angle between the traces in degrees."""
    for rank, n, degrees in ((2, 5, 30.0), (9, 40, 75.0), (9, 40, 1e-4)):
        frame = _orthonormal(rank + 2, n, seed=rank)
        normal, first, second = frame[0], frame[1], frame[2]
        angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
        shared = frame[3 : rank + 1]
        across = (normal + frame[rank + 1])[None] / 2**0.5
        turned = angle.cos() * first + angle.sin() * second
        Q = torch.cat([first[None], shared, across])
        Q_after = torch.cat([turned[None], shared, across])
        mix = _orthonormal(rank, rank, seed=9)
        answer = function(mix @ Q, Q_after, normal)
        if unfinished(answer, "return one angle in degrees"):
            return
        answer = float(answer)
        assert abs(answer - float(angle)) > 1e-6 or degrees < 1, "this is in radians"
        assert abs(answer - degrees) < 1e-3 * degrees, (
            f"{answer:.6g} degrees instead of {degrees:g}; for small angles use the sine, the norm "
            "of what sticks out of the other trace, and not the cosine"
        )
    print("Right: now compare layers, stages and seeds.")
