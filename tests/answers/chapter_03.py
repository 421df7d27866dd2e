"""Answers to the exercises of chapter 3: right ones, and wrong ones that are tempting."""

import torch

from helpers import information


def top(A):
    values, vectors = torch.linalg.eigh(A @ A.T)
    return values[-1], A.T @ vectors[:, -1] / values[-1].sqrt()


def share(A, v):
    _, s, rows = torch.linalg.svd(A, full_matrices=False)
    return 1 - (rows[s > 1e-10 * s[0]] @ v).square().sum() / v.square().sum()


def trace(logits, J, T):
    p = (logits / T).softmax(1)
    factor = p.sqrt()[:, :, None] * (J - p[:, None] @ J)
    return factor.square().sum((1, 2))


RIGHT = {
    "remainder_ratio": 2,
    "two_classes": lambda p, a, b: p * (1 - p) * torch.outer(a - b, a - b),
    "kernel_share": share,
    "top_eigenvector": top,
    "natural_step": lambda F, g, rate: -rate * torch.linalg.solve(F, g),
    "trace_at_temperature": trace,
    "fisher_trace": lambda model, x: information.fisher_spectrum(model, x).sum(1),
}
WRONG = [
    ("remainder_ratio", 1),
    ("remainder_ratio", 0.5),
    ("remainder_ratio", 3),
    ("two_classes", lambda p, a, b: torch.outer(a - b, a - b)),
    ("two_classes", lambda p, a, b: p * (1 - p) * torch.outer(a + b, a + b)),
    ("two_classes", lambda p, a, b: p * (1 - p) * (a - b) @ (a - b)),
    ("kernel_share", lambda A, v: 1 - share(A, v)),
    ("kernel_share", lambda A, v: share(A, v) ** 0.5),
    # Does not drop the singular vector of value 0.
    (
        "kernel_share",
        lambda A, v: (
            1
            - (torch.linalg.svd(A, full_matrices=False)[2] @ v).square().sum() / v.square().sum()
            - 0.1
        ),
    ),
    ("top_eigenvector", lambda A: (top(A)[0], torch.linalg.eigh(A @ A.T)[1][:, -1])),
    ("top_eigenvector", lambda A: (top(A)[0], 2 * top(A)[1])),
    ("top_eigenvector", lambda A: (top(A)[0].sqrt(), top(A)[1])),
    ("natural_step", lambda F, g, rate: rate * torch.linalg.solve(F, g)),
    ("natural_step", lambda F, g, rate: -rate * g),
    ("trace_at_temperature", lambda logits, J, T: trace(logits, J / T, T)),
    ("trace_at_temperature", lambda logits, J, T: trace(logits, J, 1)),
    ("fisher_trace", lambda model, x: information.data_spectrum(model, x).sum(1)),
    ("fisher_trace", lambda model, x: information.fisher_spectrum(model, x)),
]
