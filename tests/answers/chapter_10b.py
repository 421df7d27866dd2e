"""Answers to the exercises of chapter 10, second page: right ones, and wrong ones that tempt."""

import torch


def tie(s, J, y):
    others = torch.arange(len(s)) != y
    return ((s[y] - s[others]) / (J[others] - J[y]).norm(dim=1)).min()


def runner_up(s, J, y):
    k = s.topk(2).indices[1]
    return (s[y] - s[k]) / (J[k] - J[y]).norm()


def own_gradient(s, J, y):
    """With the length of a_k, not of a_k − a_y."""
    others = torch.arange(len(s)) != y
    return ((s[y] - s[others]) / J[others].norm(dim=1)).min()


def fill(x, d, budget):
    low, high = torch.zeros_like(x[:, :1]), torch.full_like(x[:, :1], 1000)
    for _ in range(60):
        t = (low + high) / 2
        long = ((x + t * d).clamp(0, 1) - x).norm(dim=1, keepdim=True) > budget
        low, high = torch.where(long, low, t), torch.where(long, t, high)
    return (x + low * d).clamp(0, 1)


def stretched(x, d, budget):
    """Cut first, then stretched to the length: not along d any more, and out of the box."""
    move = (x + budget * d).clamp(0, 1) - x
    return x + budget * move / move.norm(dim=1, keepdim=True)


def gradient(s, y):
    p = s.softmax(1).scatter(1, y[:, None], 0)
    return p.scatter(1, y[:, None], -p.sum(1, keepdim=True))


def saturated(s, y):
    return s.softmax(1) - torch.nn.functional.one_hot(y, s.shape[1])


def error(chance, right, bins=15):
    gap = (right.to(chance) - chance)[chance.argsort()]
    return 100 * sum(part.sum().abs() for part in gap.tensor_split(bins)) / len(gap)


def mean_of_bins(chance, right, bins=15):
    gap = (right.to(chance) - chance)[chance.argsort()]
    return 100 * sum(part.mean().abs() for part in gap.tensor_split(bins)) / bins


def equal_width(chance, right, bins=15):
    gap = right.to(chance) - chance
    which = (chance * bins).long().clamp(max=bins - 1)
    return 100 * sum(gap[which == b].sum().abs() for b in range(bins)) / len(gap)


def shifted(images, down, right):
    k = max(abs(down), abs(right))
    wide, (h, w) = torch.nn.functional.pad(images, (k,) * 4), images.shape[-2:]
    return wide[..., k - down : k - down + h, k - right : k - right + w]


RIGHT = {
    "nearest_tie": tie,
    "fill": fill,
    "score_gradient": gradient,
    "equal_count_error": error,
    "shifted": shifted,
    "my_copies": lambda images, labels, rng: (images.flip(3), labels),
}
WRONG = [
    ("nearest_tie", runner_up),
    ("nearest_tie", own_gradient),
    ("nearest_tie", lambda s, J, y: -tie(s, J, y)),
    ("fill", lambda x, d, budget: (x + budget * d).clamp(0, 1)),
    ("fill", lambda x, d, budget: x + budget * d),
    ("fill", stretched),
    ("fill", lambda x, d, budget: fill(x, -d, budget)),
    ("score_gradient", saturated),
    ("score_gradient", lambda s, y: -gradient(s, y)),
    ("score_gradient", lambda s, y: gradient(s.double(), y)),
    ("equal_count_error", lambda chance, right, bins=15: error(chance, right, bins) / 100),
    ("equal_count_error", mean_of_bins),
    ("equal_count_error", equal_width),
    ("shifted", lambda images, down, right: images.roll((down, right), dims=(2, 3))),
    ("shifted", lambda images, down, right: shifted(images, right, down)),
    ("shifted", lambda images, down, right: shifted(images, -down, -right)),
    ("my_copies", lambda images, labels, rng: (images[:, 0], labels)),
    ("my_copies", lambda images, labels, rng: (images.repeat(2, 1, 1, 1), labels)),
    ("my_copies", lambda images, labels, rng: (images / 0, labels)),
]
