"""The import of torchvision beside a torch of another build (helpers/_torchvision.py)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # each in a process of its own, which imports PyTorch

# A stand-in for torchvision, in a process of its own: {0} says whether its compiled operators load.
STAND_IN = """
import sys, types, importlib.abc, importlib.machinery, torch
matching = {0}
declared = []
define = torch.library.define
torch.library.define = lambda name, schema: (declared.append(name), define(name, schema))

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "torchvision":
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return types.ModuleType(spec.name)
    def exec_module(self, module):
        if not matching and not declared:
            raise RuntimeError("{1}")

sys.meta_path.insert(0, Finder())
from helpers._torchvision import load_torchvision
print(load_torchvision().__name__, declared)
"""


def run(matching, error):
    code = STAND_IN.format(matching, error)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )


def test_matching_builds_are_left_alone():
    assert run(True, "").stdout == "torchvision []\n"


def test_missing_operators_are_declared():
    result = run(False, "operator torchvision::nms does not exist")
    assert result.stdout == "torchvision ['torchvision::nms', 'torchvision::qnms']\n", result.stderr


def test_another_error_is_not_swallowed():
    result = run(False, "something else")
    assert result.returncode == 1 and "something else" in result.stderr


def test_the_installed_torchvision_works():
    code = (
        "from helpers._torchvision import load_torchvision as load\n"
        "import torch\n"
        "assert load() is load()\n"
        "print(load().models.resnet18(num_classes=3).eval()(torch.zeros(1, 3, 64, 64)).shape)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "torch.Size([1, 3])\n", result.stderr


def test_nobody_else_imports_torchvision():
    for path in [
        *ROOT.glob("helpers/**/*.py"),
        *ROOT.glob("scripts/*.py"),
        *ROOT.glob("bench/*.py"),
    ]:
        if path.name != "_torchvision.py":
            assert not re.search(r"^\s*(import|from) torchvision", path.read_text(), re.M), path
