"""Answers to the exercises of chapter 4: right ones, and wrong ones that are tempting."""

import torch
from torch import nn

from helpers import information


def rank(model, x):
    J = information.logit_jacobian(model, x)[1]
    s = torch.linalg.svdvals(J - J.mean(1, keepdim=True))
    return (s > 100 * max(J.shape[1:]) * torch.finfo(x.dtype).eps * s[:, :1]).sum(1)


def not_centred(model, x):
    return torch.linalg.matrix_rank(information.logit_jacobian(model, x)[1])


def network(n, C, r):
    model = nn.Linear(n, C)
    with torch.no_grad():
        model.weight[r:] = 0
    return model


def units_on(model, x):
    counts = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            counts.append((x > 0).sum(1))
    return torch.stack(counts).amin(0)


RIGHT = {
    "largest_rank": lambda n, C, widths: min(n, C - 1, *widths),
    "rank_of_D": rank,
    "images_needed": lambda n, C: -(-n // (C - 1)),
    "safe_tolerances": lambda s, r: (s[r] / s[0], s[r - 1] / s[0]),
    "network_of_rank": network,
    "fewest_on": units_on,
}
WRONG = [
    ("largest_rank", lambda n, C, widths: C),
    ("largest_rank", lambda n, C, widths: C - 1),
    ("largest_rank", lambda n, C, widths: min(n, C - 1)),
    ("largest_rank", lambda n, C, widths: min(C - 1, *widths, C)),
    ("rank_of_D", not_centred),
    (
        "rank_of_D",
        lambda model, x: torch.linalg.matrix_rank(
            information.local_data_matrix(model, x), hermitian=True
        ),
    ),
    ("rank_of_D", lambda model, x: torch.tensor(5)),
    ("images_needed", lambda n, C: n // (C - 1)),
    ("images_needed", lambda n, C: -(-n // C)),
    ("safe_tolerances", lambda s, r: (s[r], s[r - 1])),
    ("safe_tolerances", lambda s, r: (s[r - 1] / s[0], s[r] / s[0])),
    ("safe_tolerances", lambda s, r: (0, s[r - 1] / s[0])),
    ("network_of_rank", lambda n, C, r: nn.Linear(n, C)),
    ("network_of_rank", lambda n, C, r: nn.Linear(n, C + 1)),
    (
        "network_of_rank",
        lambda n, C, r: nn.Sequential(nn.Linear(n, max(r, 1)), nn.ReLU(), nn.Linear(max(r, 1), C)),
    ),
    ("fewest_on", lambda model, x: torch.full((6,), 5)),
    ("fewest_on", lambda model, x: units_on(model, x).min()),
    ("fewest_on", lambda model, x: (model[:-1](x) > 0).sum(1)),
]  # fmt: skip
