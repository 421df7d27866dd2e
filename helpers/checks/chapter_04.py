"""Checkers of chapter 4, rank bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks import unfinished
from helpers.information import logit_jacobian
from helpers.models import MLP


def _rank(model: nn.Module, x: Tensor) -> Tensor:
    jacobian = logit_jacobian(model, x)[1]
    values = torch.linalg.svdvals(jacobian - jacobian.mean(1, keepdim=True))
    return (values > 1e-10 * values[:, :1]).sum(1)


def largest_rank(function: Callable[[int, int, Sequence[int]], Any]) -> None:
    """Exercise 1: `function(n, C, widths)` is the largest rank that G can have."""
    for n, classes, widths, right in (
        (784, 10, (84, 120), 9),
        (2, 5, (50,), 2),
        (150_528, 1000, (2048, 512), 512),
        (3072, 100, (), 99),
        (784, 10, (100, 4, 100), 4),
        (10, 11, (10,), 10),
    ):
        answer = function(n, classes, widths)
        if unfinished(answer, "return the largest possible rank, a whole number"):
            return
        case = f"n = {n}, C = {classes}, widths {tuple(widths)}"
        assert answer != classes or right == classes, f"{case}: the bound is strict, C is too many"
        assert not widths or answer <= min(widths), (
            f"{case}: you say {answer}, but the Jacobian is a product, and one of its factors has "
            f"only {min(widths)} rows"
        )
        assert answer <= n, f"{case}: a matrix with {n} columns has rank at most {n}, not {answer}"
        assert answer == right, f"{case}: you say {answer}, expected {right}"
    print("Right: the narrowest place decides, and the softmax counts as a place of width C − 1.")


def rank_of_D(function: Callable[[nn.Module, Tensor], Any]) -> None:
    """Exercise 2: `function(model, x)` is the rank of D for each image, int `(B,)`."""
    for seed, (sizes, scale) in enumerate((((30, 20, 6), 1), ((3, 20, 8), 1), ((30, 40, 7), 300))):
        torch.manual_seed(seed)
        model = MLP(sizes, dtype=torch.float64).eval()
        with torch.no_grad():
            model[-1].weight *= scale  # a large scale saturates softmax
            model[-1].weight[0] = model[-1].weight[1]  # two classes with equal gradients
        x = torch.rand(5, sizes[0], dtype=torch.float64)
        right = _rank(model, x)
        given, kind = (x.float(), model.float()) if seed == 1 else (x, model)
        answer = function(kind, given)
        if unfinished(answer, "return the rank of D for each image, shape (B,)"):
            return
        answer = torch.as_tensor(answer)
        assert tuple(answer.shape) == (5,), f"one rank an image: (5,), not {tuple(answer.shape)}"
        assert (answer <= right).all(), (
            f"{answer.tolist()} instead of {right.tolist()}: centre the Jacobian over the classes, "
            "and count only singular values above round-off of the dtype it was computed in"
        )
        assert (answer >= right).all(), (
            f"{answer.tolist()} instead of {right.tolist()}: if softmax is saturated the small "
            "eigenvalues of G fall below the tolerance; the Jacobian of the scores does not"
        )
    print("Right: also in single precision, with n < C − 1, and when softmax is saturated.")


def images_needed(function: Callable[[int, int], Any]) -> None:
    """Exercise 3: `function(n, C)`, the fewest images whose mean of G can have rank n."""
    for n, classes, right in ((784, 10, 88), (3072, 100, 32), (150_528, 1000, 151), (18, 10, 2)):
        answer = function(n, classes)
        if unfinished(answer, "return the number of images, a whole number"):
            return
        assert answer == right, (
            f"n = {n}, C = {classes}: you say {answer}, expected {right}; each image adds at most "
            "C − 1 to the rank, and a part of an image does not exist"
        )
    print("Right: for MNIST 88 images fill all 784 dimensions.")


def safe_tolerances(function: Callable[[Tensor, int], Any]) -> None:
    """Exercise 4: `function(s, r)` is the interval of relative tolerances with rank r."""
    for values, r, right in (
        ([8.0, 4.0, 2.0, 2e-15], 3, (2.5e-16, 0.25)),
        ([1.0, 1e-3, 1e-6, 1e-9], 2, (1e-6, 1e-3)),
        ([5.0, 0.0], 1, (0.0, 1.0)),
    ):
        answer = function(torch.tensor(values, dtype=torch.float64), r)
        if unfinished(answer, "return two numbers, the ends of the interval"):
            return
        low, high = (float(end) for end in answer)
        assert low < high, f"the lower end comes first: got {low:g}, {high:g}"
        assert abs(low - right[0]) <= 1e-9 * right[0], (
            f"lower end {low:g}, expected {right[0]:g}: value number r + 1, relative to the first"
        )
        assert abs(high - right[1]) <= 1e-9 * right[1], (
            f"upper end {high:g}, expected {right[1]:g}: value number r, relative to the first"
        )
    print("Right: quote a rank together with this interval.")


def network_of_rank(function: Callable[[int, int, int], nn.Module]) -> None:
    """Exercise 5: `function(n, C, r)` is a classifier whose D has rank r at every input."""
    for n, classes, r in ((12, 6, 5), (12, 6, 3), (12, 6, 1), (30, 10, 0)):
        model = function(n, classes, r)
        if unfinished(model, "return a network with n inputs, C outputs and rank r"):
            return
        torch.manual_seed(4)
        model = model.double().eval()
        x = torch.rand(7, n, dtype=torch.float64)
        with torch.no_grad():
            shape = tuple(model(x).shape)
        assert shape == (7, classes), f"expected logits (7, {classes}), got {shape}"
        answer = _rank(model, x).tolist()
        assert answer == 7 * [r], (
            f"n = {n}, C = {classes}: rank {answer} at seven inputs, asked for {r}; a matrix with "
            "r rows in between is not enough if ReLU can switch them off, and adding the same "
            "vector to every row of the last layer does not change D"
        )
    print("Right: rank r at every input, C − 1 included.")


def fewest_on(function: Callable[[nn.Module, Tensor], Any]) -> None:
    """Exercise 6: `function(model, x)`, the fewest units on in any hidden layer, `(B,)`."""
    for seed, sizes in enumerate(((8, 9, 12, 5), (8, 6, 5), (8, 5, 20, 9, 4))):
        torch.manual_seed(seed)
        model = MLP(sizes, dtype=torch.float64).eval()
        x = torch.randn(6, 8, dtype=torch.float64)
        answer = function(model, x)
        if unfinished(answer, "return the smallest number of units on in a layer, shape (B,)"):
            return
        counts, z = [], x
        for layer in model:
            z = layer(z)
            if isinstance(layer, nn.ReLU):
                counts.append((z > 0).flatten(1).sum(1))
        right = torch.stack(counts).min(0).values
        answer = torch.as_tensor(answer)
        assert tuple(answer.shape) == (6,), f"one number an image: (6,), not {tuple(answer.shape)}"
        assert answer.tolist() == right.tolist(), (
            f"{answer.tolist()} instead of {right.tolist()} for the widths {sizes[1:-1]}: count "
            "the positive outputs of each ReLU layer, image by image, and take the smallest count"
        )
    print("Right: no image has a rank above this number.")
