"""Settings of all tests."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

# The first call of a network is slow, so no deadline; the same examples every time, so that a
# failure in CI can be repeated.
settings.register_profile("course", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("course")

os.environ["COURSE_PROGRESS"] = "0"


class Apart(LoadFileScheduling):
    """Give each worker whole files, but the pages of the site, the longest file, one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "test_pages.py::" in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    return Apart(config, log) if config.getoption("dist") == "loadfile" else None
