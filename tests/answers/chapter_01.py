"""Answers to the exercises of chapter 1: right ones, and wrong ones that are tempting."""

import torch


def gradients():
    return [[-1, -0.5], [-3, -1.5]], [[-1.5, -0.5], [1.5, 0.5]]


def split(n, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[: 8 * n // 10], order[8 * n // 10 : 9 * n // 10], order[9 * n // 10 :]


def updates(images, batch_size, epochs):
    return -(-images // batch_size) * epochs


def convolution_layer(channels_in, channels_out, kernel, side, padding):
    return side + 2 * padding - kernel + 1, channels_out * (channels_in * kernel**2 + 1)


def batch_gradient(W, b, x, y):
    delta = torch.softmax(x @ W.T + b, 1) - torch.nn.functional.one_hot(y, len(b))
    return delta.T @ x / len(x), delta.mean(0)


def early_stopping(losses, patience):
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


RIGHT = {
    "backpropagation": gradients,
    "split": split,
    "updates": updates,
    "convolution_layer": convolution_layer,
    "batch_gradient": batch_gradient,
    "early_stopping": early_stopping,
}

WRONG = [
    ("backpropagation", lambda: ([[1, 0.5], [3, 1.5]], gradients()[1]), "wrong sign"),
    ("backpropagation", lambda: ([[-1, -3], [-0.5, -1.5]], gradients()[1]), "transposed"),
    ("backpropagation", lambda: (gradients()[0], [[1, 2], [3, 4]]), "not right"),
    ("backpropagation", lambda: ([1, 2], gradients()[1]), "shape"),
    ("split", lambda n, seed: torch.arange(n).split([8 * n // 10, n // 10, n // 10]), "another"),
    ("split", lambda n, seed: (torch.arange(n),) * 3, "sizes"),
    ("split", lambda n, seed: (split(n, seed)[0],) + (split(n, seed)[1],) * 2, "share nothing"),
    ("split", lambda n, seed: split(n, torch.seed()), "same seed"),
    ("updates", lambda images, size, epochs: images // size * epochs, "last batch"),
    ("updates", lambda images, size, epochs: images, "1,250"),
    ("convolution_layer", lambda i, o, k, s, p: (s, convolution_layer(i, o, k, s, p)[1]), "side"),
    ("convolution_layer", lambda i, o, k, s, p: (s + 2 * p - k + 1, o * i * k**2), "bias"),
    (
        "batch_gradient",
        lambda W, b, x, y: tuple(len(x) * g for g in batch_gradient(W, b, x, y)),
        "sum",
    ),
    ("batch_gradient", lambda W, b, x, y: batch_gradient(W, b, x, 0 * y), "differs"),
    ("batch_gradient", lambda W, b, x, y: batch_gradient(W, b, x, y)[::-1], "shape"),
    ("early_stopping", lambda losses, patience: losses.index(min(losses)), "never seen"),
]
