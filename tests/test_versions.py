"""The versions that are promised are those that are tested."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(name: str) -> dict[str, str]:
    """Return package and version of each line of a file of pins."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE))


def test_the_oldest_promised_versions_are_those_of_make_test_floor():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    promised = re.search(r"^dependencies = \[$(.+?)^\]$", project, re.MULTILINE | re.DOTALL)[1]
    floor = dict(re.findall(r'"([\w-]+)>=([\w.]+)"', promised))
    assert len(floor) == promised.count(",")  # every line is understood
    assert floor == pins("requirements-floor.txt")
    assert set(floor) <= {*pins("requirements.txt"), "ipython"}  # which ipykernel brings
