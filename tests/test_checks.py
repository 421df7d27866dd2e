"""Checkers of the exercises: a right answer passes, a wrong one is explained, a stub is left alone.

The answers are in `answers/`, a file a chapter: `RIGHT` has one for each checker, `WRONG` a list of
checker, answer and, where it matters, what the explanation has to say.
"""

import importlib
from pathlib import Path

import pytest

CHAPTERS = sorted(path.stem for path in Path(__file__).with_name("answers").glob("chapter_*.py"))
CHECKERS = {name: importlib.import_module(f"helpers.checks.{name}") for name in CHAPTERS}
ANSWERS = {name: importlib.import_module(f"answers.{name}") for name in CHAPTERS}
RIGHT = [(chapter, name) for chapter in CHAPTERS for name in ANSWERS[chapter].RIGHT]
WRONG = [(chapter, *wrong) for chapter in CHAPTERS for wrong in ANSWERS[chapter].WRONG]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_checker_is_tested(chapter):
    module = CHECKERS[chapter]
    public = {
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and value.__module__ == module.__name__
    }
    answers = ANSWERS[chapter]
    assert set(answers.RIGHT) == public == {name for name, *_ in answers.WRONG}


@pytest.mark.parametrize(("chapter", "name"), RIGHT)
def test_right_answer_passes_in_one_line(chapter, name, capsys):
    getattr(CHECKERS[chapter], name)(ANSWERS[chapter].RIGHT[name])
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and not said.startswith("Not done yet")


@pytest.mark.parametrize(("chapter", "name"), RIGHT)
@pytest.mark.parametrize("empty", [None, ...])
def test_stub_is_told_what_is_asked(chapter, name, empty, capsys):
    stub = (lambda *_: empty) if callable(ANSWERS[chapter].RIGHT[name]) else empty
    getattr(CHECKERS[chapter], name)(stub)
    assert capsys.readouterr().out.startswith("Not done yet: ")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: "-".join(wrong[:2]))
def test_wrong_answer_is_explained(wrong):
    chapter, name, answer, *said = wrong
    with pytest.raises(AssertionError, match=said[0] if said else r"\w+\W+\w+\W+\w+"):
        getattr(CHECKERS[chapter], name)(answer)
