"""Exercise checkers, one module a chapter and one function an exercise.

A checker compares the reader's function or answer with a trusted result on several cases, prints
one line when it agrees, and raises AssertionError with an explanation when it does not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def unfinished(answer: Any, asked: str) -> bool:
    """Say what is asked if the answer is empty, that is, if the stub was left as it is."""
    empty = answer is None or answer is ...
    if empty:
        print(f"Not done yet: {asked}")
    return empty


def random_tensor(*shape: int, seed: int) -> Tensor:
    """Standard normal numbers in float64, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)
