"""Checkers of the exercises of chapter 2, cross-entropy and KL divergence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from helpers.checks import unfinished
from helpers.information import fisher_rao_distance, kl_divergence


def _tensor(answer: Any, shape: tuple[int, ...], what: str) -> Tensor:
    assert isinstance(answer, Tensor), f"{what} should be a tensor, got {type(answer).__name__}"
    found = tuple(answer.shape)
    assert found == shape, f"{what} should have shape {shape}, got {found}"
    assert not answer.isnan().any(), f"{what} is not a number (nan) somewhere"
    return answer.double()


def _cases(seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Scores and labels, from gentle to far outside what the exponential can hold."""
    g = torch.Generator().manual_seed(seed)
    cases = []
    for classes, scale in ((3, 1.0), (10, 5.0), (10, 2000.0), (2, 1e5)):
        s = scale * torch.randn(6, classes, generator=g, dtype=torch.float64)
        cases.append((s, torch.randint(classes, (6,), generator=g)))
    return cases


def stable_loss(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise: −log p_y from scores `(B, C)` and labels `(B,)`, without overflow."""
    for s, y in _cases():
        answer = function(s.clone(), y.clone())
        if unfinished(answer, "stable_loss(s, y) should return the B losses."):
            return
        answer = _tensor(answer, (len(s),), "the answer")
        expected = cross_entropy(s, y, reduction="none")
        worst = s.abs().max().item()
        assert torch.isfinite(answer).all(), (
            f"a loss is infinite for scores up to {worst:.0f}: take the largest score out first"
        )
        assert torch.allclose(answer, expected, rtol=1e-9, atol=1e-12), (
            f"for scores up to {worst:.0f} the losses should be {expected.tolist()}, "
            f"got {answer.tolist()}"
        )
    print("stable_loss agrees with torch on 24 examples, with scores beyond 100,000.")


def split_loss(function: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    """Exercise: KL(q‖p) and H(q) from labels' probabilities and scores, both `(B, C)`."""
    g = torch.Generator().manual_seed(1)
    s = 3 * torch.randn(5, 4, generator=g, dtype=torch.float64)
    soft = torch.randn(5, 4, generator=g, dtype=torch.float64).softmax(1)
    hard = torch.eye(4, dtype=torch.float64)[[0, 3, 1, 2, 2]]
    for name, q in (("positive", soft), ("one-hot", hard)):
        answer = function(q.clone(), s.clone())
        if unfinished(answer, "split_loss(q, s) should return KL(q‖p) and H(q)."):
            return
        assert isinstance(answer, tuple) and len(answer) == 2, "return two tensors: KL and entropy"
        kl = _tensor(answer[0], (5,), f"the divergence for {name} q")
        entropy = _tensor(answer[1], (5,), f"the entropy for {name} q")
        expected = -torch.xlogy(q, q).sum(1)
        assert torch.allclose(entropy, expected, atol=1e-12), (
            f"for {name} q the entropy should be {expected.tolist()}, got {entropy.tolist()}"
        )
        assert torch.allclose(kl + entropy, -(q * s.log_softmax(1)).sum(1), atol=1e-12), (
            f"for {name} q the two parts do not add up to the cross-entropy"
        )
    print("split_loss is right for positive and for one-hot q.")


def entropy_gap(answer: float) -> None:
    """Exercise: KL(q‖u) for q = (1/2, 1/4, 1/4, 0) and the uniform u on four classes."""
    if unfinished(answer, "put a number in place of the dots."):
        return
    bits = 0.5
    assert not math.isclose(answer, bits, abs_tol=1e-3), "0.5 is in bits; the course counts in nats"
    assert math.isclose(answer, bits * math.log(2), abs_tol=5e-4), (
        f"KL(q‖u) = log 4 − H(q), which is not {answer}; mind that 0 log 0 = 0"
    )
    print("Right: log 4 − H(q) = (log 2)/2 = 0.3466 nats.")


def best_temperature(function: Callable[[Tensor, Tensor], float]) -> None:
    """Exercise: the temperature with the smallest mean loss, to three decimals."""
    g = torch.Generator().manual_seed(2)
    for factor in (0.4, 1.0, 2.5):
        s = 2 * torch.randn(4000, 5, generator=g, dtype=torch.float64)
        # The largest of s and noise of Gumbel is drawn with the probabilities softmax(s).
        y = (s - (-torch.rand(s.shape, generator=g).double().log()).log()).argmax(1)
        answer = function(factor * s, y)
        if unfinished(answer, "best_temperature(s, y) should return a number."):
            return
        found = float(answer)
        assert found > 0, f"a temperature is positive, got {found}"

        def loss(t: float, s: Tensor = factor * s, y: Tensor = y) -> float:
            return cross_entropy(s / t, y).item()

        # The loss is convex in 1/T, so two worse neighbours prove that the minimum is between them.
        better = min((found / 1.001, found * 1.001), key=loss)
        assert loss(found) <= loss(better), (
            f"scores multiplied by {factor}: T = {found:.4f} has mean loss {loss(found):.6f}, "
            f"and T = {better:.4f} has less, {loss(better):.6f}"
        )
    print("best_temperature is within 0.1 % of the minimum on three sets of scores.")


def small_loss(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Exercise: −log p_y with all its digits, also where p_y is nearly 1."""
    for gap in (0.5, 5.0, 20.0, 40.0, 300.0, -50.0):
        s = torch.tensor([[1.0, 1.0 + gap, 1.0], [3.0, 3.0, 3.0 + gap]], dtype=torch.float64)
        y = torch.tensor([1, 2])
        answer = function(s.clone(), y)
        if unfinished(answer, "small_loss(s, y) should return the B losses."):
            return
        answer = _tensor(answer, (2,), "the answer")
        # log(1 + 2 e^(−gap)); for a large negative gap that is log 2 − gap.
        expected = math.log1p(2 * math.exp(-gap))
        error = (answer / expected - 1).abs().max().item()
        assert error < 1e-9, (
            f"with a lead of {gap} over two rivals the loss is {expected:.6e}, "
            f"got {answer[0].item():.6e} and {answer[1].item():.6e}"
        )
    print("small_loss keeps nine digits from 50 down to 1e-130.")


def geodesic(function: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """Exercise: the point at the share t of the shortest path from p to q."""
    g = torch.Generator().manual_seed(3)
    for classes in (2, 3, 10):
        p, q = torch.randn(2, classes, generator=g, dtype=torch.float64).mul(2).softmax(1)
        whole = fisher_rao_distance(p.log(), q.log()).item()
        for t in (0.0, 0.25, 0.5, 0.9, 1.0):
            answer = function(p.clone(), q.clone(), t)
            if unfinished(answer, "geodesic(p, q, t) should return a distribution."):
                return
            r = _tensor(answer, (classes,), "the answer")
            assert (r >= 0).all() and abs(r.sum().item() - 1) < 1e-9, (
                f"at t = {t} the answer should be a distribution; its sum is {r.sum().item():.6f}"
            )
            first = fisher_rao_distance(p.log(), r.log()).item()
            second = fisher_rao_distance(r.log(), q.log()).item()
            assert abs(first - t * whole) < 1e-7 and abs(second - (1 - t) * whole) < 1e-7, (
                f"at t = {t} the distances to the two ends should be {t * whole:.6f} and "
                f"{(1 - t) * whole:.6f}, got {first:.6f} and {second:.6f}"
            )
    print("geodesic walks the great circle at constant speed, for 2, 3 and 10 classes.")


def symmetric_order(answer: float) -> None:
    """Exercise: the order in h of KL(p‖q) + KL(q‖p) − d(p, q)²."""
    if unfinished(answer, "put a whole number in place of the dots."):
        return
    assert answer == 4, (
        f"not {answer}: exchanging p and q changes nothing, and replaces δ by −δ when both are "
        "seen from the point half way; which powers of h survive?"
    )
    print("Right: the odd orders cancel, and what is left is of order 4.")


def disagreement(function: Callable[[Tensor], Tensor]) -> None:
    """Exercise: mean KL(p_i‖p_j) between K models, from scores `(K, N, C)`."""
    g = torch.Generator().manual_seed(4)
    s = 2 * torch.randn(3, 20, 5, generator=g, dtype=torch.float64)
    answer = function(s.clone())
    if unfinished(answer, "disagreement(s) should return a K by K table."):
        return
    answer = _tensor(answer, (3, 3), "the table")
    expected = kl_divergence(s[:, None], s[None]).mean(-1)
    assert not torch.allclose(answer, expected.T, rtol=1e-6), (
        "row and column are exchanged: entry i, j should be the mean of KL(p_i‖p_j)"
    )
    assert torch.allclose(answer, expected, rtol=1e-6, atol=1e-12), (
        f"entry i, j should be the mean over the images of KL(p_i‖p_j), {expected.tolist()}; "
        f"got {answer.tolist()}"
    )
    print("disagreement is right: now look at what it says on real images.")
