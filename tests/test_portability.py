"""The run under several sets of kernels: what it goes through, and what it notices."""

import ast
import json
import math
import os
import subprocess
from pathlib import Path

import nbformat
import portability
import pytest
from recorder import Notes, last_digit

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
        ("import torch\nassert (torch.tensor([1.0, 4.0]) > 0.5).sum() >= 2", "bound", [0.5, 3.5]),
        ("ok = 0.3 < 0.5\nassert ok", "bound", [-0.2]),
        ("def f(v):\n    return v < 0.5\nassert f(0.25) < 2", "bound", [-1.0]),
        ("assert float('inf') >= 1", "bound", [float("inf")]),
        ("s = f'{0.123:.2f}'\nassert s == '0.12'", "digit", [0.123]),
        ("s = f'{1234.5:.2g}'\nassert s == '1.2e+03'", "digit", [1234.5]),
        ("s = '{:.1f} ± {:.2f}'.format(*(0.25, 0.125))\nassert s[-4:] == '0.12'", "digit", [0.125]),
        ("assert round(1250.0, -2) == 1200", "digit", [1250.0]),
        ("assert [round(v, 1) for v in (0.52,)] == [0.5]", "digit", [0.52]),
    ],
)
def test_numbers_are_noted(tmp_path, source, kind, values):
    found, _ = record(tmp_path, source)
    assert (kind, pytest.approx(values)) in [(note["kind"], note["values"]) for note in found]


@pytest.mark.parametrize(
    ("value", "form", "unit"),
    [
        (0.123, ".2f", 0.01), (0.123, ".1%", 0.001), (1234.5, ".2e", 10), (1234.5, ".2g", 100),
        (0.0123, ",.1f", 0.1), (1250.0, ".-2f", 100), (0.5, "5", 0), (float("nan"), ".2f", 0),
    ],
)  # fmt: skip
def test_the_last_digit(value, form, unit):
    assert last_digit(value, form) == pytest.approx(unit)


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
        ((0.1, math.nan), 0, True),
        ((math.nan, math.nan), 0, True),
        ((math.inf, 0.1), 0, True),
        ((math.inf, math.inf), 0, False),
        ((0.123, 0.1231), 0.01, False),
        ((0.1249, 0.12491), 0.01, False),
        ((0.1249, 0.12495), 0.01, True),  # 0.125 is where the digit changes
    ],
)
def test_numbers_near_their_bounds_are_told(values, unit, told):
    assert (portability.tightness(values, unit)[0] > 1 / portability.ROOM) == told


def test_the_worst_of_each_place_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(portability, "BUILD", tmp_path)
    notes = {
        "one": [
            (1, "a < b", [0.1]),
            (1, "a < b", [0.02]),
            (2, "c < d", [5.0]),
            (3, "e < f", [1, 2]),
        ],
        "two": [
            (1, "a < b", [0.06]),
            (1, "a < b", [-0.01]),
            (2, "c < d", [5.1]),
            (3, "e < f", [1]),
        ],
    }
    for name, lines in notes.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "chapter.jsonl").write_text("".join(
            json.dumps({"cell": cell, "kind": "bound", "text": text, "values": values}) + "\n"
            for cell, text, values in lines
        ))  # fmt: skip
    told = list(portability.near(Path("chapter.ipynb"), ["one", "two"]))
    assert len(told) == 2
    assert told[0].startswith("chapter, cell 1: a < b\n") and "0.02 moves by 3.0e-02" in told[0]
    assert told[1].startswith("chapter, cell 3: e < f\n") and "not as many" in told[1]


def test_the_number_of_commits_chooses_the_kernels(tmp_path):
    """The script of CI, with a make that prints its variables in place of its own."""
    for path in (".ci/run", "scripts/portability.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes((portability.ROOT / path).read_bytes())
    for name in ("make", "chromium"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\necho $1; env\n")
        program.chmod(0o755)
    given = os.environ | {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "MKL_CBWR": "of the caller",
    }
    given |= {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }

    def run(*command):
        return subprocess.run(
            command, cwd=tmp_path, env=given, check=True, capture_output=True, text=True
        )

    run("git", "init", "--quiet")
    for name in list(portability.COMBINATIONS)[1:]:
        run("git", "commit", "--quiet", "--allow-empty", "--message", name)
        first, *_, said = run("bash", ".ci/run").stdout.partition("test\n")
        assert f"«{name}»" in first.splitlines()[0]
        seen = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        assert {k: seen[k] for k in portability.VARIABLES if k in seen} == {
            k: v for k, v in portability.settings(name).items() if k in portability.VARIABLES
        }


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


def test_a_chapter_without_notes_is_no_success(tmp_path, monkeypatch, capsys):
    """If the recorder does not load, nothing is compared, although every chapter passes."""
    monkeypatch.setattr(portability, "BUILD", tmp_path / "build")
    monkeypatch.setattr(portability, "run", lambda *_: (True, 1.0))
    monkeypatch.setattr(
        "sys.argv", ["portability.py", "--only", "AVX2", "--options", "", "a.ipynb"]
    )
    assert portability.main() == 1
    assert "AVX2, a: passed, but noted no number" in capsys.readouterr().out
