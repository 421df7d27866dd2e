"""Checkers of chapter 5: a right answer passes, a wrong one is refused, a stub is left alone."""

import pytest
import torch

from helpers import foliation as fol
from helpers.checks import chapter_05 as check


def closure(C, n):
    r = min(C - 1, n)
    return min(n, r * (r + 1) // 2)


def scores(J, p, i, j):
    along = J @ (J[j] - J[i])
    return J.T @ (p * along - p * (p @ along))


RIGHT = {
    "leaf_height": lambda x, y, point: point[2] + x * y - point[0] * point[1],
    "my_bracket": fol.lie_bracket,
    "largest_closure": closure,
    "kernel_closure": 775,
    "bracket_of_scores": scores,
    "smooth_head": (9, 10),
    "median_defect": lambda model, x: fol.involutivity_defect(model, x)[0].nanmedian(),
}
WRONG = [
    ("leaf_height", lambda x, y, point: x * y),
    ("leaf_height", lambda x, y, point: point[2]),
    ("leaf_height", lambda x, y, point: point[2] - x * y + point[0] * point[1]),
    ("my_bracket", lambda X, Y, x: fol.lie_bracket(Y, X, x)),
    ("my_bracket", lambda X, Y, x: torch.func.jvp(Y, (x,), (X(x),))[1]),
    ("my_bracket", lambda X, Y, x: fol.lie_bracket(X, Y, x)[None]),
    ("largest_closure", lambda C, n: C * (C - 1) // 2),
    ("largest_closure", lambda C, n: C * (C + 1) // 2),
    ("largest_closure", lambda C, n: min(n, C - 1)),
    ("kernel_closure", 784),
    ("kernel_closure", 45),
    ("kernel_closure", 774),
    ("bracket_of_scores", lambda J, p, i, j: -scores(J, p, i, j)),
    ("bracket_of_scores", lambda J, p, i, j: J.T @ (p * (J @ (J[j] - J[i])))),
    ("bracket_of_scores", lambda J, p, i, j: 0 * J[0]),
    ("smooth_head", (9, 45)),
    ("smooth_head", (9, 9)),
    ("smooth_head", (10, 10)),
    ("smooth_head", (9, 11)),
    ("median_defect", lambda model, x: fol.involutivity_defect(model, x)[0].max()),
    ("median_defect", lambda model, x: fol.involutivity_defect(model, x)[1].median()),
]
NUMBERS = ("kernel_closure", "smooth_head")


@pytest.mark.parametrize("name", RIGHT)
def test_right_answer_passes(name, capsys):
    getattr(check, name)(RIGHT[name])
    assert capsys.readouterr().out.startswith("Right:")


@pytest.mark.parametrize(("name", "answer"), WRONG)
def test_wrong_answer_is_refused(name, answer):
    with pytest.raises(AssertionError, match=r"\w"):
        getattr(check, name)(answer)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("left", [None, ...])
def test_unfinished_stub_is_left_alone(name, left, capsys):
    getattr(check, name)(left if name in NUMBERS else lambda *_: left)
    assert capsys.readouterr().out.startswith("Not done yet:")
