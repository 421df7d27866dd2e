"""Checkers of chapter 3, Fisher information and the local data matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks import unfinished
from helpers.models import MLP


def _close(found: Any, right: Tensor, tolerance: float = 1e-8) -> bool:
    found = torch.as_tensor(found, dtype=torch.float64)
    return found.shape == right.shape and torch.allclose(found, right, rtol=tolerance, atol=1e-12)


def remainder_ratio(answer: Any) -> None:
    """Exercise 1: the limit of the ratio of the two remainders, a number."""
    if unfinished(answer, "put a number in place of the dots"):
        return
    answer = float(answer)
    assert abs(answer - 0.5) > 1e-9, (
        "you have the inverse: the remainder with the moved distribution first is the larger one"
    )
    assert abs(answer - 1) > 1e-9, (
        "the remainders are not equal: expand t ψ'(t) − ψ(t) and ψ(t) − t ψ'(0) to third order"
    )
    assert abs(answer - 2) < 1e-9, (
        f"{answer:g} is not the limit; both remainders are a multiple of ψ'''(0) t³"
    )
    print("Right: the two orders share ½ δᵀGδ and their next terms differ by this factor.")


def two_classes(function: Callable[[float, Tensor, Tensor], Tensor]) -> None:
    """Exercise 2: `function(p, a, b)` returns G of a classifier with two classes."""
    generator = torch.Generator().manual_seed(2)
    for n, p in ((2, 0.5), (3, 0.9), (7, 0.01)):
        a, b = torch.randn(2, n, generator=generator, dtype=torch.float64)
        answer = function(p, a, b)
        if unfinished(answer, "return the n × n matrix G from p, a and b"):
            return
        right = p * (1 - p) * torch.outer(a - b, a - b)
        assert tuple(answer.shape) == (n, n), f"G is {n} × {n} here, not {tuple(answer.shape)}"
        assert not _close(answer, p * (1 - p) * torch.outer(a + b, a + b)), (
            "the sign is wrong: only differences of scores matter, so G holds a − b"
        )
        assert not _close(answer, right / (p * (1 - p))), "the factor that depends on p is missing"
        assert _close(answer, right), (
            f"not G for p = {p}; start from the score functions (1 − p)(a − b) and −p(a − b)"
        )
    print("Right: one direction, a − b, with weight p(1 − p).")


def kernel_share(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(A, v)` is the share of ‖v‖² that lies in the kernel of AᵀA."""
    generator = torch.Generator().manual_seed(3)
    for rank, n in ((3, 8), (9, 200), (1, 5)):
        basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
        mix = torch.randn(rank + 1, rank, generator=generator, dtype=torch.float64)
        factor = mix @ basis[:rank]  # one row more than the rank, as in a score factor
        inside, outside = basis[0], basis[rank]
        for share in (0.0, 0.25, 1.0):
            v = 3 * (share**0.5 * outside + (1 - share) ** 0.5 * inside)
            answer = function(factor, v)
            if unfinished(answer, "return the share of ‖v‖² that lies in ker G, from 0 to 1"):
                return
            answer = float(answer)
            assert abs(answer - share) < 1e-6 or abs(answer - (1 - share)) > 1e-6, (
                f"you return the share outside the kernel: {answer:.3f} instead of {share:.3f}"
            )
            assert abs(answer - share) < 1e-6, (
                f"for a factor of rank {rank} with {rank + 1} rows the share is {share:.3f}, not "
                f"{answer:.3f}; squared lengths, and only right singular vectors with a value "
                "above round-off"
            )
    print("Right: also for factors with more rows than their rank.")


def top_eigenvector(function: Callable[[Tensor], Any]) -> None:
    """Exercise 4: `function(A)` returns λ₁ and a unit eigenvector of AᵀA, n = 60,000."""
    generator = torch.Generator().manual_seed(4)
    for n in (12, 60_000):
        factor = torch.randn(4, n, generator=generator, dtype=torch.float64)
        factor[0] *= 3
        answer = function(factor)
        if unfinished(answer, "return the largest eigenvalue of AᵀA and its unit eigenvector"):
            return
        value, vector = answer
        assert tuple(vector.shape) == (n,), (
            f"the eigenvector of G has n = {n} entries, not shape {tuple(vector.shape)}; "
            "map the eigenvector of the Gram matrix back with Aᵀ"
        )
        assert abs(float(vector.norm()) - 1) < 1e-8, (
            f"the eigenvector has length {float(vector.norm()):.3f}, not 1: divide by √λ₁"
        )
        right = torch.linalg.eigvalsh(factor @ factor.T)[-1]
        assert abs(float(value) - right) < 1e-8 * right, (
            f"λ₁ is {float(value):.6g}, expected {float(right):.6g}, the largest eigenvalue of AAᵀ"
        )
        image = factor.T @ (factor @ vector)
        assert torch.allclose(image, right * vector, atol=1e-8 * float(right)), (
            "AᵀA times your vector is not λ₁ times your vector"
        )
    print("Right: for n = 60,000 the matrix G itself would take 26.8 GiB.")


def natural_step(function: Callable[[Tensor, Tensor, float], Any]) -> None:
    """Exercise 5: `function(F, g, rate)` is the change of w in one natural-gradient step."""
    generator = torch.Generator().manual_seed(5)
    for size in (2, 6):
        root, mix = torch.randn(2, size, size, generator=generator, dtype=torch.float64)
        mix += 3 * torch.eye(size, dtype=torch.float64)
        fisher = root @ root.T + torch.eye(size, dtype=torch.float64)
        g = torch.randn(size, generator=generator, dtype=torch.float64)
        answer = function(fisher, g, 0.5)
        if unfinished(answer, "return −rate · F⁻¹ g, a vector of the shape of g"):
            return
        assert tuple(answer.shape) == (size,), f"expected shape ({size},), got {answer.shape}"
        right = -0.5 * torch.linalg.solve(fisher, g)
        assert not _close(answer, -right), "the sign is wrong: the step goes downhill"
        assert _close(answer, right), "the step is not −rate · F⁻¹ g"
        # New coordinates w = M v: the gradient becomes Mᵀg, the metric MᵀFM.
        step = function(mix.T @ fisher @ mix, mix.T @ g, 0.5)
        assert torch.allclose(mix @ step, answer, atol=1e-8), (
            "the step depends on the coordinates; the natural gradient must not"
        )
    print("Right: and the step is the same in other coordinates of the weights.")


def trace_at_temperature(function: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Exercise 6: `function(logits, J, T)` is tr JᵀΣJ with p = softmax(logits / T)."""
    generator = torch.Generator().manual_seed(6)
    logits = 4 * torch.randn(5, 4, generator=generator, dtype=torch.float64)
    J = torch.randn(5, 4, 9, generator=generator, dtype=torch.float64)
    for T in (1.0, 0.25, 4.0, 1e9):
        answer = function(logits, J, T)
        if unfinished(answer, "return the trace for each image, shape (B,)"):
            return
        assert tuple(answer.shape) == (5,), f"one trace an image: (5,), not {tuple(answer.shape)}"
        p = (logits / T).softmax(1)
        mean = p[:, None] @ J
        right = (p[:, :, None] * (J - mean) ** 2).sum((1, 2))
        assert T == 1 or not _close(answer, right / T**2), (
            "you differentiated softmax(s / T); the exercise keeps J and changes only p"
        )
        assert _close(answer, right), (
            f"not right for T = {T:g}; the trace is Σ p_i ‖a_i − Σ_k p_k a_k‖², p at temperature T"
        )
    centred = J - J.mean(1, keepdim=True)
    assert _close(function(logits, J, 1e9), centred.square().sum((1, 2)) / 4, 1e-6), (
        "for a very large T the trace must be ‖ΠJ‖² / C"
    )
    print("Right: and for a very large T it is ‖ΠJ‖² / C, the quantity of the last section.")


def fisher_trace(function: Callable[[nn.Module, Tensor], Any]) -> None:
    """Exercise 7: `function(model, x)` is the trace of F(x, w) for each image."""
    generator = torch.Generator().manual_seed(7)
    for sizes in ((3, 4), (5, 6, 3)):
        model = MLP(sizes, dtype=torch.float64).eval()
        x = torch.randn(4, sizes[0], generator=generator, dtype=torch.float64)
        answer = function(model, x)
        if unfinished(answer, "return the trace of F for each image, shape (B,)"):
            return
        assert tuple(answer.shape) == (4,), f"one trace an image: (4,), not {tuple(answer.shape)}"
        right = []
        for log_p in model(x).log_softmax(1):
            scores = [
                torch.autograd.grad(log_p[y], list(model.parameters()), retain_graph=True)
                for y in range(len(log_p))
            ]
            squares = torch.stack(
                [torch.cat([g.flatten() for g in z]).square().sum() for z in scores]
            )
            right.append((log_p.exp() * squares).sum())
        assert _close(answer.detach(), torch.stack(right).detach(), 1e-6), (
            "not the trace of F: the mean of ‖∇_w log p_y‖² over y drawn from the model's p"
        )
    print("Right: now look at what it says during training.")
