"""What holds for the tests and the chapters alike, when pytest runs them.

Which kernels compute is printed first, and again if anything failed; the longest chapter starts
first. Settings and fixtures of the tests alone are in `tests/conftest.py`.
"""

import os
import re

import pytest
from portability import ROOT, VARIABLES
from xdist.scheduler import LoadFileScheduling

PAGES = "tests/test_pages.py"


def kernels() -> str:
    """Return the settings of the kernels, and what PyTorch makes of them on this processor."""
    import torch

    settings = [f"{name}={os.environ.get(name, 'unset')}" for name in VARIABLES]
    found = torch.backends.cpu.get_cpu_capability()
    return f"kernels: {', '.join(settings)}; torch {torch.__version__} computes with {found}"


def pytest_report_header() -> str:
    """Say which kernels compute."""
    return kernels()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it again below what failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(kernels(), yellow=True)


def seconds() -> dict[str, int]:
    """Return how long each chapter takes, from the table that readers see."""
    page = (ROOT / "book" / "how_to_run.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*\]\((\w+\.ipynb)\) \| .* \| (\d+) s \|", page, re.MULTILINE)
    return {f"book/{name}": int(time) for name, time in rows}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the chapters first, the longest before the others, and the pages of the site last.

    So no chapter is left alone at the end, and what is short fills the rest of the time.
    """
    times = seconds()

    def rank(item: pytest.Item) -> tuple[int, int]:
        file = item.nodeid.partition("::")[0]
        if file.endswith(".ipynb"):
            return 0, -times.get(file, 0)
        return (2 if file == PAGES else 1), 0

    items.sort(key=rank)


class Apart(LoadFileScheduling):
    """Give each worker whole files, in their order, but the pages of the site one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(f"{PAGES}::") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # also with -p no:xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Replace the scheduler of --dist loadfile."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by number of tests, which says little of their time
    return Apart(config, log)
