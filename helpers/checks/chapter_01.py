"""Checkers of chapter 1, deep learning basics. Each takes the reader's function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from helpers.checks import unfinished


def backpropagation(gradients: Callable[[], tuple[Any, Any]]) -> None:
    """Exercise 1: `gradients()` returns ∂L/∂W₁ and ∂L/∂W₂, worked out on paper."""
    answer = gradients()
    if unfinished(answer, "return the two 2 × 2 gradients from your sheet of paper"):
        return
    W1 = torch.tensor([[1.0, 1.0], [1.0, -1.0]], requires_grad=True)
    W2 = torch.tensor([[1.0, 2.0], [0.0, -1.0]], requires_grad=True)
    hidden = torch.relu(W1 @ torch.tensor([2.0, 1.0]))
    cross_entropy(W2 @ hidden + torch.tensor([0.0, 6.0]), torch.tensor(0)).backward()
    for name, found, weight in zip(("W1", "W2"), answer, (W1, W2), strict=True):
        found, right = torch.as_tensor(found, dtype=torch.float32), weight.grad
        assert right is not None
        assert found.shape == (2, 2), (
            f"the gradient in {name} has the shape of {name}, (2, 2), not {tuple(found.shape)}"
        )
        assert not torch.allclose(found, -right), (
            f"the gradient in {name} has the wrong sign: ∂L/∂s = p − (1, 0)"
        )
        assert not torch.allclose(found, right.T), (
            f"the gradient in {name} is transposed: row i belongs to output i of the layer"
        )
        assert torch.allclose(found, right), (
            f"the gradient in {name} is not right; compute p first: it is (1/2, 1/2)"
        )
    print("Right: both gradients agree with autograd.")


def split(function: Callable[[int, int], tuple[Tensor, Tensor, Tensor]]) -> None:
    """Exercise 2: `split_80_10_10(n, seed)` returns three tensors of indices."""
    answer = function(100, 0)
    if unfinished(answer, "return the indices of three parts, 80, 10 and 10 % of n"):
        return
    for n in (50, 100, 50_000, 60_000):
        parts = [torch.as_tensor(part) for part in function(n, 0)]
        sizes = [len(part) for part in parts]
        expected = [8 * n // 10, n // 10, n // 10]
        assert sizes == expected, f"for n = {n} the parts have sizes {sizes}, not {expected}"
        together = torch.cat(parts).sort().values
        assert torch.equal(together, torch.arange(n)), (
            f"for n = {n} some index is in no part or in two; the parts must share nothing"
        )
    first, again, other = (torch.cat(list(function(1000, seed))) for seed in (0, 0, 1))
    assert torch.equal(first, again), "the same seed must give the same split"
    assert not torch.equal(first, other), "another seed must give another split"
    assert not torch.equal(function(1000, 0)[0].sort().values, torch.arange(800)), (
        "the parts are blocks of consecutive indices: draw them at random (torch.randperm)"
    )
    print("Right: three parts that share nothing and miss nothing.")


def updates(function: Callable[[int, int, int], int]) -> None:
    """Exercise 3: `updates(images, batch_size, epochs)` counts the updates of the weights."""
    answer = function(40_000, 32, 1)
    if unfinished(answer, "return the number of updates"):
        return
    assert answer == 1250, f"40,000 images in batches of 32 make 1,250 updates, not {answer}"
    for images, size, epochs in ((4_000, 32, 4), (50_000, 50, 10), (4_000, 300, 2), (7, 8, 3)):
        expected = epochs * len(torch.arange(images).split(size))
        found = function(images, size, epochs)
        assert found == expected, (
            f"{images} images, batches of {size}, {epochs} epochs: {expected} updates, "
            f"not {found}; the last batch of an epoch may be smaller"
        )
    print("Right: 1,250 updates for the talk's epoch, and the smaller last batch counts.")


def convolution_layer(function: Callable[[int, int, int, int, int], tuple[int, int]]) -> None:
    """Exercise 4: output side and number of weights of a convolution layer."""
    asked = "return the side of the output and the number of weights"
    if unfinished(function(1, 6, 5, 28, 2), asked):
        return
    cases = ((1, 6, 5, 28, 2), (6, 16, 5, 14, 0), (3, 8, 3, 32, 1), (2, 3, 4, 9, 0))
    for channels_in, channels_out, kernel, side, padding in cases:
        layer = nn.Conv2d(channels_in, channels_out, kernel, padding=padding)
        shape = layer(torch.zeros(1, channels_in, side, side)).shape
        expected = (shape[-1], sum(w.numel() for w in layer.parameters()))
        found = tuple(function(channels_in, channels_out, kernel, side, padding))
        case = f"{channels_in} → {channels_out} channels, kernel {kernel}, side {side}"
        assert found[0] == expected[0], (
            f"{case}, padding {padding}: the output has side {expected[0]}, not {found[0]}"
        )
        assert found[1] == expected[1], (
            f"{case}: the layer has {expected[1]} weights, not {found[1]}; "
            "each output channel has a kernel for every input channel, and one bias"
        )
    print("Right: sides and weights agree with torch on four layers.")


def batch_gradient(
    function: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
) -> None:
    """Exercise 5: gradient of the mean loss of a linear classifier over a mini-batch."""
    generator = torch.Generator().manual_seed(0)
    for case, (count, classes, inputs) in enumerate(((1, 3, 2), (5, 3, 4), (32, 10, 7))):
        W = torch.randn(classes, inputs, generator=generator, dtype=torch.float64)
        b = torch.randn(classes, generator=generator, dtype=torch.float64)
        x = torch.randn(count, inputs, generator=generator, dtype=torch.float64)
        y = torch.randint(classes, (count,), generator=generator)
        answer = function(W.clone(), b.clone(), x, y)
        if case == 0 and unfinished(answer, "return the gradients in W and in b"):
            return
        W.requires_grad_()
        b.requires_grad_()
        right = torch.autograd.grad(cross_entropy(x @ W.T + b, y), (W, b))
        for name, found, expected in zip("Wb", answer, right, strict=True):
            assert found.shape == expected.shape, (
                f"the gradient in {name} has shape {tuple(expected.shape)}, "
                f"not {tuple(found.shape)}"
            )
            assert count == 1 or not torch.allclose(found, count * expected), (
                f"the gradient in {name} is the sum over the {count} images; the mean is asked"
            )
            assert torch.allclose(found, expected), (
                f"the gradient in {name} differs from autograd by up to "
                f"{(found - expected).abs().max():.2g} (batch of {count}, {classes} classes)"
            )
    print("Right: your gradient agrees with autograd on three random batches.")


def early_stopping(function: Callable[[Sequence[float], int], int]) -> None:
    """Exercise 6: the epoch whose weights early stopping keeps."""
    if unfinished(function([1.0, 0.5, 0.7], 1), "return the epoch whose weights are kept"):
        return

    def kept(losses: Sequence[float], patience: int) -> int:
        best = 0
        for epoch, loss in enumerate(losses):
            if loss < losses[best]:
                best = epoch
            elif epoch - best >= patience:
                break
        return best

    generator = torch.Generator().manual_seed(0)
    cases: list[tuple[list[float], int]] = [
        ([1.0, 0.5, 0.7], 1), ([1.0, 0.6, 0.7, 0.4, 0.5, 0.6], 1),
        ([1.0, 0.6, 0.7, 0.4, 0.5, 0.6], 2), ([3.0, 2.0, 1.0], 5),
    ]  # fmt: skip
    cases += [(torch.rand(20, generator=generator).tolist(), patience) for patience in (1, 2, 3)]
    for losses, patience in cases:
        found, expected = function(losses, patience), kept(losses, patience)
        shown = ", ".join(f"{loss:.2f}" for loss in losses[:6])
        assert found == expected, (
            f"losses {shown}{', …' if len(losses) > 6 else ''} with patience {patience}: "
            f"epoch {expected} is kept, not {found}; what comes after the stop is never seen"
        )
    print("Right: it stops in time and keeps the best epoch seen until then.")
