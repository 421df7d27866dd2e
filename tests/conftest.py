"""Settings and fixtures of the tests.

Those that the chapters need too are in `conftest.py` of the folder above.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser
from serve import BUILT
from weigh import find_browser, open_browser

# `course`: the same examples every time, so that a failure can be repeated. `anew`: others every
# time, 13 properties x 800 = 10,400 networks, for the weekly run; what fails says how to repeat it.
# The first call of a network is slow, so no deadline; on a busy machine drawing one is slow too.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("course", max_examples=25, derandomize=True, **SLOW)
settings.register_profile("anew", max_examples=800, derandomize=False, print_blob=True, **SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "course"))

os.environ["COURSE_PROGRESS"] = "0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the built site or a browser: whatever asks for one of the fixtures below."""
    for item in items:
        if {"site", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.site)


@pytest.fixture(scope="module")
def site() -> Path:
    """Return the folder of the built site."""
    if not (BUILT / "index.html").is_file():
        pytest.fail(f"the site is not built, there is no {BUILT}/index.html: run make book first")
    return BUILT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of the machine; without one skip, but not in CI."""
    if not find_browser():
        reason = "no browser: install Chromium, or set CHROMIUM to its path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with open_browser() as chromium:
        yield chromium
