"""Run every chapter under several sets of numerical kernels and compare it with its stored outputs.

What a processor cannot do, its libraries do not use, and other kernels round differently. Set
together, four variables make one machine compute like another: ATEN_CPU_CAPABILITY chooses torch's
own loops, MKL_CBWR the matrix products, ONEDNN_MAX_CPU_ISA the convolutions, OPENBLAS_CORETYPE
what numpy does. `make test-portability` goes through all of COMBINATIONS and prints

- a table of chapters and combinations, with the seconds each took;
- each asserted or printed number that stayed within three spreads of its bound, or of where its
  last digit would change: the spread is how far the number moved over the combinations.

With `--choose N` it prints the N-th combination, counted round, as arguments of `env`.
"""

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build" / "portability"
VARIABLES = (
    "ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE", "OMP_NUM_THREADS"
)  # fmt: skip
# Each level of each factor at least once; "" leaves a variable unset.
COMBINATIONS = {
    "as it is": ("", "", "", "", "1"),
    "compatible": ("default", "COMPATIBLE", "SSE41", "Nehalem", "1"),
    "AVX2": ("avx2", "AVX2", "AVX2", "Haswell", "1"),
    "two threads": ("", "", "", "", "2"),
    "mixed": ("avx2", "COMPATIBLE", "", "Haswell", "2"),
}
ROOM = 3  # spreads


def settings(name: str) -> dict[str, str]:
    """Return the variables of a combination that are set."""
    chosen = {k: v for k, v in zip(VARIABLES, COMBINATIONS[name], strict=True) if v}
    # Two threads share busy cores badly unless they wait passively.
    return chosen | ({"OMP_WAIT_POLICY": "passive"} if chosen["OMP_NUM_THREADS"] != "1" else {})


def run(chapter: Path, name: str, nbval: list[str]) -> tuple[bool, float]:
    """Execute a chapter under a combination; return whether it is as stored, and the seconds."""
    folder = BUILD / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{chapter.stem}.jsonl"
    record.unlink(missing_ok=True)
    kept = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    more = {"IPYTHONDIR": str(BUILD / "ipython"), "PYTHONPATH": str(ROOT / "scripts")}
    more["COURSE_PROGRESS"] = "0"  # a bar is an output that no notebook has stored
    more["COURSE_RECORD"] = str(record)
    command = [sys.executable, "-m", "pytest", "--numprocesses", "0", *nbval, str(chapter)]
    command += [f"--junitxml={record.with_suffix('.xml')}"]
    start = time.monotonic()
    with (folder / f"{chapter.stem}.log").open("w") as log:
        done = subprocess.run(
            command, cwd=ROOT, env=kept | settings(name) | more, stdout=log, stderr=log
        )
    good, seconds = done.returncode == 0, time.monotonic() - start
    print(f"{name}, {chapter.stem}: {said(good, seconds)}", flush=True)
    return good, seconds


def said(good: bool, seconds: float) -> str:
    return f"{'passed' if good else 'FAILED'} {seconds:3.0f}"


def notes(chapter: Path, name: str) -> Iterator[tuple[tuple, dict]]:
    """Yield what a chapter noted, each under a key that is the same in every combination."""
    record = BUILD / name.replace(" ", "-") / f"{chapter.stem}.jsonl"
    count: dict[tuple, int] = defaultdict(int)
    for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else ():
        note = json.loads(line)
        place = (note["cell"], note["kind"], note["text"])
        yield (*place, count[place]), note
        count[place] += 1


def tightness(values: tuple[float, ...], unit: float) -> tuple[float, float, float, float]:
    """Return spread/room of a number, one of its values, the spread and the room.

    The room is the distance from the bound 0, or, where the unit of the last digit is given, from
    where that digit changes.
    """
    if not all(map(math.isfinite, values)):  # nan is not even equal to itself
        same = all(v == values[0] for v in values)
        return (0.0 if same else math.inf), values[0], 0.0 if same else math.inf, 0.0
    spread = max(values) - min(values)
    room = min(abs(v / unit % 1 - 0.5) * unit if unit else abs(v) for v in values)
    ratio = spread / room if room else math.inf if spread else 0.0
    return ratio, values[0], spread, room


def near(chapter: Path, names: list[str]) -> Iterator[str]:
    """Yield a line for each number that came too near to its bound, or to its next digit."""
    seen: dict[tuple, list[dict]] = defaultdict(list)
    for name in names:
        for key, note in notes(chapter, name):
            seen[key].append(note)
    worst: dict[str, tuple[float, str]] = {}  # of each place that is passed more than once
    for (cell, kind, text, _), found in seen.items():
        place = f"{chapter.stem}, cell {cell}: {text}"
        if len({len(note["values"]) for note in found}) > 1 or len(found) < len(names):
            worst[place] = math.inf, "not as many numbers in every combination"
            continue
        unit = found[0].get("unit", 0)
        columns = zip(*(note["values"] for note in found), strict=True)
        ratio, value, spread, room = max((tightness(v, unit) for v in columns), default=(0.0,) * 4)
        if ratio > max(1 / ROOM, worst.get(place, (0.0, ""))[0]):
            what = "from its next digit" if kind == "digit" else "from its bound"
            worst[place] = (
                ratio,
                f"{value:.6g} moves by {spread:.1e} and comes to {room:.1e} {what}",
            )
    for place, (_, what) in worst.items():
        yield f"{place}\n    {what}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the chapters under several sets of kernels.")
    parser.add_argument("--choose", type=int, help="print one combination, as arguments of env")
    parser.add_argument("--only", nargs="+", default=list(COMBINATIONS), help="combinations")
    parser.add_argument("--options", default="", help="of pytest, for nbval")
    parser.add_argument("chapters", nargs="*", type=Path)
    options = parser.parse_args()
    if options.choose is not None:
        name = list(COMBINATIONS)[options.choose % len(COMBINATIONS)]
        unset = " ".join(f"-u {k}" for k in VARIABLES if k not in settings(name))
        print(f"{name}: {unset}", *(f"{k}={v}" for k, v in settings(name).items()))
        return 0
    nbval = shlex.split(options.options)
    profile = BUILD / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(
        'c = get_config()\nc.InteractiveShellApp.extensions = ["recorder"]\n'
    )
    jobs = [(chapter, name) for name in options.only for chapter in options.chapters]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(
            zip(jobs, pool.map(lambda job: run(job[0], job[1], nbval), jobs), strict=True)
        )
    for name in options.only:
        print(f"{name}: {settings(name)}")
    width = max(len(chapter.stem) for chapter in options.chapters)
    print(" " * width, *(f"{name:>12}" for name in options.only))
    for chapter in options.chapters:
        row = (results[chapter, name] for name in options.only)
        cells = (said(*result).rjust(12) for result in row)
        print(f"{chapter.stem:{width}}", *cells)
    for chapter in options.chapters:
        for line in near(chapter, options.only):
            print(line)
    silent = [job for job, (ok, _) in results.items() if ok and not any(notes(*job))]
    for chapter, name in silent:  # then nothing was compared between the combinations
        print(f"{name}, {chapter.stem}: passed, but noted no number")
    return 0 if all(ok for ok, _ in results.values()) and not silent else 1


if __name__ == "__main__":
    sys.exit(main())
