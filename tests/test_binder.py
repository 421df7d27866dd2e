"""The files for Binder and JupyterHub, as far as they can be checked without either."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"
SCRIPTS = ("postBuild", "start")


def packages(path: Path) -> list[str]:
    """The requirements of a file and of those it points to, without comments."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r"):
            found += packages(path.parent / line.removeprefix("-r").strip())
        elif line:
            found.append(line)
    return found


def installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def test_binder_installs_the_pinned_packages() -> None:
    assert packages(BINDER / "requirements.txt") == packages(ROOT / "requirements.txt")
    assert any(line.startswith("torch==") for line in packages(BINDER / "requirements.txt"))


def test_pip_reads_the_file_from_the_folder_of_the_course() -> None:
    """As repo2docker calls it; here everything is installed, so no package index is asked."""
    names = [re.split(r"[=;]", line)[0] for line in packages(ROOT / "requirements.txt")]
    if missing := {name for name in names if not installed(name)}:
        pytest.skip(f"not installed here: {missing}")
    options = ["install", "--dry-run", "--no-deps", "--no-index", "-r", "binder/requirements.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


def test_the_python_of_the_tests() -> None:
    runtime = (BINDER / "runtime.txt").read_text().strip()
    assert re.fullmatch(r"python-3\.\d+", runtime)
    workflow = (ROOT / ".github/workflows/publish.yml").read_text()
    assert f'python-version: "{runtime.removeprefix("python-")}"' in workflow


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_be_executed(name: str) -> None:
    path = BINDER / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", path], check=True)
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-s", path], cwd=ROOT, check=True, capture_output=True, text=True
        )
        assert listed.stdout.startswith("100755"), "not executable in the repository"


def test_the_commands_of_post_build_exist() -> None:
    lines = (BINDER / "postBuild").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set "))]
    assert len(commands) == 2
    for command in commands:
        assert shutil.which(command.split()[0], path=Path(sys.executable).parent)
        for module in re.findall(r"(?:-m|import) ([\w.]+)", command):
            assert importlib.util.find_spec(module), module
    assert (ROOT / "pyproject.toml").is_file()  # what `-e .` installs


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("4", "4")])
def test_start_sets_the_threads_and_passes_on(given: str | None, threads: str) -> None:
    env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    env |= {"OMP_NUM_THREADS": given} if given else {}
    command = [BINDER / "start", "bash", "-c", 'echo "$OMP_NUM_THREADS $1 $2"', "-", "a b", "c"]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert done.stdout == f"{threads} a b c\n"


def gigabytes(text: str) -> float:
    return float(text.removesuffix("G"))


def test_the_hub_has_room_for_every_chapter() -> None:
    user = yaml.safe_load((BINDER / "jupyterhub.yaml").read_text(encoding="utf-8"))["singleuser"]
    assert user["cpu"]["guarantee"] <= user["cpu"]["limit"]
    limit = gigabytes(user["memory"]["limit"])
    assert gigabytes(user["memory"]["guarantee"]) <= limit
    assert f'version = "{user["image"]["tag"]}"' in (ROOT / "pyproject.toml").read_text()
    assert (ROOT / user["defaultUrl"].removeprefix("/lab/tree/")).is_dir()
    measured = json.loads((ROOT / "bench/chapters.json").read_text(encoding="utf-8"))["chapters"]
    assert len(measured) >= 8
    for chapter, cost in measured.items():
        assert (ROOT / "book" / f"{chapter}.ipynb").is_file()
        assert cost["gib"] * 2**30 < 0.8 * limit * 1e9, chapter


def test_no_package_index_is_named() -> None:
    for path in BINDER.iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path
