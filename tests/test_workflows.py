"""The workflows, as far as they can be checked without running them."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGES = "actions/deploy-pages"


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_are_workflows() -> None:
    assert {path.stem for path in WORKFLOWS} == {"publish", "test", "weekly"}


def test_actions_are_pinned_by_hash_and_say_which_version_it_is(workflow: Path) -> None:
    lines = [s for s in workflow.read_text(encoding="utf-8").splitlines() if "uses:" in s]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\s-]+uses: [\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line), line


def test_one_version_of_each_action() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    found = set(re.findall(r"uses: ([\w/-]+)@(\w+)  # (\S+)", text))
    assert len(found) == len({action for action, _, _ in found})


def test_permissions_are_no_more_than_needed(workflow: Path) -> None:
    content = read(workflow)
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        uses = [step.get("uses", "") for step in job["steps"]]
        if any(action.startswith(PAGES) for action in uses):
            # It runs nothing of ours, and reads nothing of the repository.
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
            assert len(job["steps"]) == 1
        else:
            assert "permissions" not in job, name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
    assert "pull_request_target" not in workflow.read_text(encoding="utf-8")
    assert "secrets." not in workflow.read_text(encoding="utf-8")


def test_what_a_workflow_runs_is_there(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    code = re.sub(r"(^|  )#.*", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"\bmake ([\w-]+)", code)) <= targets
    for path in re.findall(r"(?:tests|scripts|\.ci)/[\w./-]+", code):
        assert (ROOT / path).is_file(), path
    for name, job in read(workflow)["jobs"].items():
        if ".ci/run" in str(job):  # which counts the commits
            assert job["steps"][0]["with"]["fetch-depth"] == 0, name


def test_every_job_has_a_limit_and_keeps_what_failed(workflow: Path) -> None:
    for name, job in read(workflow)["jobs"].items():
        assert job["timeout-minutes"] <= 180, name
        kept = [s for s in job["steps"] if s.get("uses", "").startswith("actions/upload-artifact")]
        if any("tee _build/test.log" in step.get("run", "") for step in job["steps"]):
            assert kept[0]["if"] == "failure()"
            paths = set(kept[0]["with"]["path"].split())
            assert {"_build/screenshots", "_build/report.xml", "_build/test.log"} <= paths


def test_every_supported_python_on_every_change_and_each_system() -> None:
    workflow = read(ROOT / ".github/workflows/test.yml")
    when, jobs = workflow[True], workflow["jobs"]  # YAML reads «on» as true
    assert {"push", "pull_request"} <= set(when) and not when["push"]
    assert "if" not in jobs["check"] and "if" not in jobs["windows"]
    matrix = jobs["check"]["strategy"]["matrix"]
    pythons = [int(version.removeprefix("3.")) for version in matrix["python"]]
    assert pythons == [*range(10, pythons[-1] + 1)]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">=3.{pythons[0]}"' in project
    systems = {*matrix["system"], *(more["system"] for more in matrix["include"])}
    assert systems | {jobs["windows"]["runs-on"]} == {
        "ubuntu-latest", "macos-latest", "windows-latest"
    }  # fmt: skip
