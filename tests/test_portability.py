"""The run under several sets of kernels: what it goes through, and what it notices."""

import ast
import json
from pathlib import Path

import nbformat
import portability
import pytest
from recorder import Notes

NBVAL = ["--nbval", "--nbval-current-env"]


def record(tmp_path: Path, source: str) -> tuple[list[dict], dict]:
    """Run a cell through the recorder; return what it noted, and the names that the cell made."""
    notes = Notes(str(tmp_path / "notes.jsonl"))
    names: dict = {"_course_note": notes}
    exec(compile(notes.visit(ast.parse(source)), "cell", "exec"), names)
    path = tmp_path / "notes.jsonl"
    return [
        json.loads(line) for line in path.read_text().splitlines()
    ] if path.exists() else [], names


def test_each_level_of_each_factor_is_met():
    assert len(portability.COMBINATIONS) >= 5
    levels = [set(column) for column in zip(*portability.COMBINATIONS.values(), strict=True)]
    assert levels[:3] == [
        {"", "default", "avx2"},
        {"", "COMPATIBLE", "AVX2"},
        {"", "SSE41", "AVX2"},
    ]
    assert levels[4] == {"1", "2"}
    for asked in (("", "", ""), ("default", "COMPATIBLE", "SSE41"), ("avx2", "AVX2", "AVX2")):
        assert any(c[:3] == asked for c in portability.COMBINATIONS.values())


@pytest.mark.parametrize(
    ("source", "kind", "values"),
    [
        ("x = 2.5\nassert 1 < x", "bound", [-1.5]),
        ("import torch\nassert (torch.tensor([1.0, 4.0]) > 0.5).all()", "bound", [0.5, 3.5]),
        ("import numpy\nassert numpy.allclose([1.0], [1.0], rtol=0, atol=1e-3)", "bound", [-1e-3]),
        ("assert (sum(v > 1 for v in (0, 2, 3))) >= 2", "bound", [0.0]),
        ("s = f'{0.123:.2f}'\nassert s == '0.12'", "digit", [0.123]),
        ("assert [round(v, 1) for v in (0.52,)] == [0.5]", "digit", [0.52]),
    ],
)
def test_numbers_are_noted(tmp_path, source, kind, values):
    found, _ = record(tmp_path, source)
    assert (found[-1]["kind"], found[-1]["values"]) == (kind, pytest.approx(values))


def test_a_recorded_cell_does_what_it_did(tmp_path):
    found, names = record(
        tmp_path, "seen = []\ndef see(v):\n    seen.append(v)\n    return v\n"
        "try:\n    assert see(1) < see(0) < see(5)\nexcept AssertionError:\n    seen.append('no')\n"
        "text = f'{3:>4} {0.5:.0%} {True!r}'",
    )  # fmt: skip
    assert names["seen"] == [1, 0, "no"] and names["text"] == "   3 50% True"
    assert [note["kind"] for note in found] == ["bound", "digit"]


@pytest.mark.parametrize(
    ("values", "unit", "told"),
    [
        ((0.1, 0.1), 0, False),  # the same everywhere
        ((0.1, 0.1001), 0, False),
        ((0.1, 0.08), 0, False),  # four spreads from the bound
        ((0.1, 0.07), 0, True),
        ((-0.1, 0.1), 0, True),
        ((0.0, 0.0), 0, False),
        ((0.123, 0.1231), 0.01, False),
        ((0.1249, 0.12491), 0.01, False),
        ((0.1249, 0.12495), 0.01, True),  # 0.125 is where the digit changes
    ],
)
def test_numbers_near_their_bounds_are_told(values, unit, told):
    assert (portability.tightness(values, unit)[0] > 1 / portability.ROOM) == told


@pytest.mark.slow
def test_it_goes_on_after_a_failure_and_tells_of_it(tmp_path, monkeypatch, capsys):
    chapters = []
    for name, printed in (("bad", "two\n"), ("good", "one\n")):
        book = nbformat.v4.new_notebook()
        output = nbformat.v4.new_output("stream", name="stdout", text=printed)
        cell = nbformat.v4.new_code_cell("print('one')\nassert 1 < 2", outputs=[output])
        cell.execution_count = 1
        book.cells = [cell]
        chapters.append(tmp_path / f"{name}.ipynb")
        nbformat.write(book, chapters[-1])
    monkeypatch.setattr(portability, "BUILD", tmp_path / "build")
    arguments = ["--only", "as it is", "AVX2", "--options", " ".join(NBVAL), *map(str, chapters)]
    monkeypatch.setattr("sys.argv", ["portability.py", *arguments])
    assert portability.main() == 1
    said = capsys.readouterr().out
    bad, good = (line.split() for line in said.splitlines() if line.startswith(("bad ", "good ")))
    assert bad.count("FAILED") == 2 and good.count("passed") == 2
    assert len((tmp_path / "build" / "AVX2" / "good.jsonl").read_text().splitlines()) == 1
