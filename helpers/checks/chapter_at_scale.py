"""Checkers of the appendix At scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from helpers.checks import random_tensor, unfinished


def busiest(function: Callable[[int, int, int], Any]) -> None:
    """Exercise 1: `function(count, shard_size, processes)` is the largest load, in images."""
    cases = ((400, 64, 2, 208), (330, 50, 3, 130), (1000, 1000, 8, 1000), (120, 50, 2, 70))
    for count, size, processes, right in cases:
        answer = function(count, size, processes)
        if unfinished(answer, "return how many images the busiest process has"):
            return
        case = f"{count} images in shards of {size}, {processes} processes"
        assert answer != count / processes or answer == right, (
            f"{case}: a shard is not divided between processes"
        )
        assert answer == right, (
            f"{case}: the busiest has {right} images, not {answer}; rank r has the shards r, "
            "r + processes, …, and the last shard may be short"
        )
    print("Right: the run takes as long as its busiest process.")


def mean_and_deviation(function: Callable[[Iterator[Tensor]], Any]) -> None:
    """Exercise 2: `function(batches)` is the mean and the standard deviation of each column."""
    for offset in (0.0, 1e9):
        batches = [
            random_tensor(b, 3, seed=b) * torch.tensor([1.0, 2, 3]) + offset for b in (7, 1, 40)
        ]
        answer = function(iter(batches))
        if unfinished(answer, "return mean and standard deviation of each column"):
            return
        mean, deviation = answer
        everything = torch.cat(batches)
        assert torch.allclose(torch.as_tensor(mean), everything.mean(0), rtol=1e-12, atol=1e-9), (
            "the mean is wrong; batches differ in size, so the mean of their means is not it"
        )
        spread = everything.std(0, correction=0)
        assert torch.allclose(torch.as_tensor(deviation), spread, rtol=1e-4, atol=0), (
            f"the standard deviation of numbers around {offset:g} is wrong; the difference of the "
            "mean square and the squared mean has no digits left there"
            if offset
            else "the standard deviation is wrong; divide by N"
        )
    print("Right: one pass, two rows of numbers kept, and no digits lost.")
