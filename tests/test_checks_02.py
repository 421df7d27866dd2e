"""The checkers of chapter 2: right answers pass, wrong ones are explained, empty ones wait."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers.checks import chapter_02 as check
from helpers.information import kl_divergence


def stable_loss(s, y):
    return cross_entropy(s, y, reduction="none")


def split_loss(q, s):
    entropy = -torch.xlogy(q, q).sum(1)
    return -(q * s.log_softmax(1)).sum(1) - entropy, entropy


def best_temperature(s, y):
    low, high, chosen = 0.01, 100.0, s.gather(1, y[:, None])[:, 0].mean()
    for _ in range(40):
        beta = (low + high) / 2
        rising = ((beta * s).softmax(1) * s).sum(1).mean() > chosen
        low, high = (low, beta) if rising else (beta, high)
    return 1 / beta


def small_loss(s, y):
    rivals = s.scatter(1, y[:, None], -torch.inf)
    t = rivals.logsumexp(1) - s.gather(1, y[:, None])[:, 0]
    return torch.logaddexp(torch.zeros_like(t), t)


def geodesic(p, q, t):
    angle = torch.arccos((p * q).sqrt().sum())
    root = (torch.sin((1 - t) * angle) * p.sqrt() + torch.sin(t * angle) * q.sqrt()) / angle.sin()
    return root**2


def disagreement(s):
    return kl_divergence(s[:, None], s[None]).mean(-1)


def chord(p, q, t):
    """Along the right arc, but not at constant speed."""
    root = (1 - t) * p.sqrt() + t * q.sqrt()
    return root**2 / (root**2).sum()


RIGHT = [
    (check.stable_loss, stable_loss),
    (check.split_loss, split_loss),
    (check.entropy_gap, 0.3466),
    (check.best_temperature, best_temperature),
    (check.small_loss, small_loss),
    (check.geodesic, geodesic),
    (check.symmetric_order, 4),
    (check.disagreement, disagreement),
]

WRONG = [
    (check.stable_loss, lambda s, y: -s.softmax(1).gather(1, y[:, None])[:, 0].log()),
    (check.stable_loss, lambda s, y: cross_entropy(s, y)),
    (check.stable_loss, lambda s, y: s.logsumexp(1)),
    (check.split_loss, lambda q, s: (kl_divergence(q.log(), s), -(q * q.log()).sum(1))),
    (check.split_loss, lambda q, s: tuple(reversed(split_loss(q, s)))),
    (check.entropy_gap, 0.5),
    (check.entropy_gap, 1.5 * math.log(2)),
    (check.best_temperature, lambda s, y: 1.0),
    (check.best_temperature, lambda s, y: 1 / best_temperature(s, y)),
    (check.small_loss, stable_loss),
    (check.geodesic, lambda p, q, t: (1 - t) * p + t * q),
    (check.geodesic, chord),
    (check.symmetric_order, 3),
    (check.disagreement, lambda s: disagreement(s).T),
    (check.disagreement, lambda s: kl_divergence(s[:, None], s[None]).sum(-1)),
]


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_right_answer_passes_in_one_line(checker, answer, capsys):
    checker(answer)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "Not done yet" not in printed


@pytest.mark.parametrize(("checker", "answer"), WRONG)
def test_wrong_answer_is_explained(checker, answer):
    with pytest.raises(AssertionError, match=r"\w+ \w+ \w+"):
        checker(answer)


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
@pytest.mark.parametrize("empty", [None, ...])
def test_empty_stub_is_told_what_is_asked(checker, answer, empty, capsys):
    checker((lambda *_: empty) if callable(answer) else empty)
    assert capsys.readouterr().out.startswith("Not done yet: ")
