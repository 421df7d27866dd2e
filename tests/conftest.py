"""Settings of all tests."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

# The first call of a network is slow, so no deadline; the same examples every time, so that a
# failure in CI can be repeated.
settings.register_profile("course", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("course")

os.environ["COURSE_PROGRESS"] = "0"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, but let each page of the site go anywhere.

    A chapter is executed in order, so its cells must stay together.
    """
    for item in items:
        if item.path.name != "test_pages.py":
            item.add_marker(pytest.mark.xdist_group(item.path.name))
