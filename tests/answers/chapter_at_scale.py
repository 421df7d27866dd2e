"""Answers to the exercises of At scale: right ones, and wrong ones that are tempting."""

import math

import torch


def busiest(count, shard_size, processes):
    starts = range(0, count, shard_size)
    sizes = [min(shard_size, count - start) for start in starts]
    return max(sum(sizes[rank::processes]) for rank in range(processes))


def full_shards(count, shard_size, processes):
    return math.ceil(math.ceil(count / shard_size) / processes) * shard_size


def merged(batches):
    n, mean, squares = 0, 0, 0
    for batch in batches:
        more, here = len(batch), batch.mean(0)
        step = here - mean
        squares = squares + (batch - here).square().sum(0) + step**2 * n * more / (n + more)
        mean = mean + step * more / (n + more)
        n += more
    return mean, (squares / n).sqrt()


def of_squares(batches):
    n, total, squares = 0, 0, 0
    for batch in batches:
        n += len(batch)
        total, squares = total + batch.sum(0), squares + batch.square().sum(0)
    return total / n, (squares / n - (total / n) ** 2).clamp_min(0).sqrt()


def of_means(batches):
    means = torch.stack([batch.mean(0) for batch in batches])
    return means.mean(0), means.std(0)


RIGHT = {"busiest": busiest, "mean_and_deviation": merged}
WRONG = [
    ("busiest", lambda count, size, processes: count / processes, "not divided"),
    ("busiest", full_shards, "may be short"),
    ("mean_and_deviation", of_squares, "no digits left"),
    ("mean_and_deviation", of_means, "differ in size"),
]
