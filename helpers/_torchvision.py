"""The one place that imports torchvision.

A CPU build of torch next to the package index's usual torchvision wheel, which is compiled for
CUDA, cannot load torchvision's compiled operators. Plain `import torchvision` then stops with
"operator torchvision::nms does not exist", because torchvision describes two of its operators to
torch before it looks whether they were loaded. Declaring the two names first is enough for
everything that needs no compiled operator: data sets, transforms, models. Where the two packages
match, the first import succeeds and nothing is declared.
"""

from __future__ import annotations

import sys
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def load_torchvision() -> ModuleType:
    """Import torchvision, also beside a CPU build of torch.

    Returns:
        The module `torchvision`.

    Raises:
        RuntimeError: torchvision failed for another reason than the missing operators.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", _SCHEMA)
        import torchvision
    return torchvision
