"""Checkers of the first page of chapter 10, Applications: denoising, unusual images, new images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.checks import random_tensor, unfinished


def _near(found: Any, right: Tensor | float, tolerance: float = 1e-6) -> bool:
    found = torch.as_tensor(found, dtype=torch.float64)
    right = torch.as_tensor(right, dtype=torch.float64)
    return found.shape == right.shape and torch.allclose(found, right, rtol=tolerance, atol=1e-9)


def best_share(function: Callable[[float, float, int, int], Any]) -> None:
    """Exercise 1: `function(b, sigma, n, d)` is b² / (b² + (n − d) σ²)."""
    for b, sigma, n, d in ((4.0, 0.2, 784, 9), (0.0, 0.1, 50, 3), (3.0, 0.0, 20, 2)):
        answer = function(b, sigma, n, d)
        if unfinished(answer, "return the share α of what is off the leaf that is worth keeping"):
            return
        kernel = (n - d) * sigma**2
        right = b**2 / (b**2 + kernel)
        assert not _near(answer, 1 - right) or _near(right, 0.5), (
            "that is the share to throw away: with no noise everything should be kept"
        )
        assert not _near(answer, b**2 / (b**2 + n * sigma**2)) or sigma == 0 or b == 0, (
            "the noise off the leaf has n − d directions, not n"
        )
        assert _near(answer, right), (
            f"for ‖b‖ = {b:g}, σ = {sigma:g}, n = {n}, d = {d} the best share is {right:.4f}, "
            f"not {float(answer):.4f}; squared lengths, and variances"
        )
    print("Right: keep much where the leaf misses much, and little where the noise is strong.")


def linear_denoiser(function: Callable[[Tensor, Tensor, Tensor, float], Any]) -> None:
    """Exercise 2: `function(x, mean, covariance, sigma)` is the Wiener filter of each row."""
    basis = torch.linalg.qr(random_tensor(6, 6, seed=1)).Q
    spread = torch.tensor([9.0, 4.0, 1.0, 0.25, 0.0, 0.0], dtype=torch.float64)
    covariance, mean = basis @ torch.diag(spread) @ basis.T, random_tensor(6, seed=2)
    for sigma in (0.5, 2.0):
        x = mean + random_tensor(5, 6, seed=3)
        answer = function(x, mean, covariance, sigma)
        if unfinished(answer, "return the denoised rows, of the shape of x"):
            return
        assert answer.shape == x.shape, f"expected {tuple(x.shape)}, got {tuple(answer.shape)}"
        kept = basis @ torch.diag(spread / (spread + sigma**2)) @ basis.T
        wrong = basis @ torch.diag(spread / (spread + sigma)) @ basis.T
        assert not _near(answer, x @ kept), "subtract the mean first, and add it again afterwards"
        assert not _near(answer, mean + (x - mean) @ wrong), (
            "the variance of the noise is σ², not σ"
        )
        assert _near(answer, mean + (x - mean) @ kept), (
            "along an eigenvector of the covariance with variance v the best share is v/(v + σ²)"
        )
    print("Right: no linear denoiser has a smaller mean squared error.")


def false_positives(function: Callable[[Tensor, Tensor], Any]) -> None:
    """Exercise 3: `function(usual, unusual)` is the share of unusual ≤ the 95 % quantile."""
    usual = torch.arange(100, dtype=torch.float64)
    for shift, right in ((0.0, 0.95), (50.0, 0.45), (200.0, 0.0)):
        answer = function(usual[torch.randperm(100)], usual + shift)
        if unfinished(answer, "return the share of unusual images that pass, from 0 to 1"):
            return
        assert right < 0.95 or abs(float(answer) - 0.05) > 0.02, (
            "that is the share that is caught, or a threshold that lets 5 % of the usual pass"
        )
        assert abs(float(answer) - right) < 0.011, (
            f"the share is {right:g}, not {float(answer):g}; the threshold is the 95 % quantile "
            "of the usual scores, and larger scores are more unusual"
        )
    print("Right: one threshold, set with usual images alone.")


def room(function: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
    """Exercise 4: `function(s, J, u)` is the length along u at which the label changes."""
    s = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
    J = torch.tensor([[0.0, 0, 1], [2, 0, 1], [0, 1, 1]], dtype=torch.float64)
    cases = (
        ([1.0, 0, 0], 1.0), ([0, 1.0, 0], 1.0), ([0.6, 0.8, 0], 1.25), ([-1.0, 0, 0], torch.inf),
        ([0, 0, 1.0], torch.inf), ([-0.6, 0.8, 0], 1.25), ([0.8, 0.6, 0], 1.25),
    )  # fmt: skip
    for u, right in cases:
        answer = function(s, J, torch.tensor(u, dtype=torch.float64))
        if unfinished(answer, "return a length, infinite if the label never changes"):
            return
        answer = float(answer)
        assert not answer < 0, "a negative length is behind you: that class is falling back"
        assert (answer == right) if right == torch.inf else abs(answer - right) < 1e-9, (
            f"along {u} the label changes at {right:g}, not at {answer:g}; for every other class "
            "compare the gap of the scores with the speed at which it closes"
        )
    print("Right: and along the kernel there is room without end.")


def in_bins(function: Callable[..., Any]) -> None:
    """Exercise 5: `function(a, b, bins_a, bins_b)` is the AUROC among pairs in the same bin."""
    bins_a, bins_b = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 2])
    a = torch.tensor([1.0, 2.0, 10.0, 11.0], dtype=torch.float64)
    b = torch.tensor([1.5, 10.0, 12.0, -5.0], dtype=torch.float64)
    answer = function(a, b, bins_a, bins_b)
    if unfinished(answer, "return the share of pairs in one bin in which b is larger"):
        return
    answer = float(answer)
    assert min(abs(answer - 7 / 16), abs(answer - 7.5 / 16)) > 1e-9, (
        "compare pairs in the same bin only"
    )
    assert abs(answer - 3 / 6) > 1e-9, "a tie counts one half"
    assert abs(answer - (0.5 + 0.625) / 2) > 1e-9, "weight the bins by their pairs: pool all pairs"
    assert abs(answer - 3.5 / 6) < 1e-9, (
        f"six pairs share a bin, 3.5 of them are won; got {answer:g}"
    )
    print("Right: what confidence already knows cannot count twice.")


def your_denoiser(function: Callable[[Tensor, float], Any]) -> None:
    """Exercise 6: `function(x, sigma)` returns finite images of the shape of x."""
    x = random_tensor(3, 1, 28, 28, seed=6).float()
    answer = function(x, 0.4)
    if unfinished(answer, "return denoised images of the shape of x"):
        return
    assert answer.shape == x.shape, (
        f"expected images of shape {tuple(x.shape)}, got {tuple(answer.shape)}"
    )
    assert torch.isfinite(answer).all(), "some pixels are not finite"
    print("Right: images of the right shape. Now compare them with the table.")
