"""Settings of all tests."""

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

# The first call of a network is slow, so no deadline; the same examples every time, so that a
# failure in CI can be repeated.
settings.register_profile("course", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("course")

os.environ["COURSE_PROGRESS"] = "0"
