"""Answers to the exercises of chapter 10, first page: right ones, and wrong but tempting ones."""

import torch


def share(b, sigma, n, d):
    return b**2 / (b**2 + (n - d) * sigma**2)


def wiener(x, mean, covariance, sigma):
    noise = sigma**2 * torch.eye(len(mean), dtype=covariance.dtype)
    return mean + (x - mean) @ torch.linalg.solve(covariance + noise, covariance)


def passing(usual, unusual):
    return (unusual <= torch.quantile(usual, 0.95)).double().mean()


def room(s, J, u):
    y = s.argmax()
    speed = (J - J[y]) @ u
    t = (s[y] - s) / speed
    return t[speed > 0].min() if (speed > 0).any() else torch.inf


def any_sign(s, J, u):
    y = s.argmax()
    t = (s[y] - s) / ((J - J[y]) @ u)
    return t[torch.arange(len(s)) != y].min()


def in_bins(a, b, bins_a, bins_b, tie=0.5):
    same = bins_a[:, None] == bins_b
    wins = (b > a[:, None]).double() + tie * (b == a[:, None])
    return wins[same].mean()


def mean_of_bins(a, b, bins_a, bins_b):
    same = bins_a[:, None] == bins_b
    wins = (b > a[:, None]).double() + 0.5 * (b == a[:, None])
    each = [wins[same & (bins_b == k)].mean() for k in (0, 1)]
    return sum(each) / 2


RIGHT = {
    "best_share": share,
    "linear_denoiser": wiener,
    "false_positives": passing,
    "room": room,
    "in_bins": in_bins,
    "your_denoiser": lambda x, sigma: x.clamp(0, 1),
}
WRONG = [
    ("best_share", lambda b, sigma, n, d: 1 - share(b, sigma, n, d), "throw away"),
    ("best_share", lambda b, sigma, n, d: share(b, sigma, n, 0), "n − d"),
    ("best_share", lambda b, sigma, n, d: b / (b + (n - d) ** 0.5 * sigma)),
    ("linear_denoiser", lambda x, mean, c, sigma: wiener(x, mean, c, sigma**0.5), "σ²"),
    ("linear_denoiser", lambda x, mean, c, sigma: wiener(x, 0 * mean, c, sigma), "mean"),
    ("linear_denoiser", lambda x, mean, c, sigma: x),
    ("linear_denoiser", lambda x, mean, c, sigma: wiener(x, mean, c, sigma)[0]),
    ("false_positives", lambda a, b: 1 - passing(a, b), "caught"),
    ("false_positives", lambda a, b: (b <= torch.quantile(a, 0.05)).double().mean(), "5 %"),
    ("false_positives", lambda a, b: (b <= a.mean()).double().mean()),
    ("room", any_sign, "behind"),
    ("room", lambda s, J, u: ((s.max() - s) / (J @ u))[1:].min()),
    ("in_bins", lambda a, b, i, j: (b > a[:, None]).double().mean(), "same bin"),
    ("in_bins", lambda a, b, i, j: in_bins(a, b, i, i)),
    ("in_bins", lambda a, b, i, j: in_bins(a, b, i, j, tie=0), "tie"),
    ("in_bins", mean_of_bins),
    ("your_denoiser", lambda x, sigma: x[0], "shape"),
    ("your_denoiser", lambda x, sigma: x / 0, "finite"),
]
