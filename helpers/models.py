"""Networks of the course, and the checkpoints that travel with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.data import data_folder

STAGES = (
    "init", "30-steps", "100-steps", "200-steps", "400-steps",
    "1-epoch", "2-epochs", "3-epochs", "5-epochs", "10-epochs",
)  # fmt: skip
CIFAR_STAGES = ("1-epoch", "5-epochs")
# Activations in the place of ReLU, with checkpoints after two epochs for chapter 5.
OTHER_ACTIVATIONS = {
    f"lenet-{kind.__name__.lower()}": kind
    for kind in (nn.LeakyReLU, nn.GELU, nn.Softplus, nn.Sigmoid, nn.Tanh)
}


class _Layers(nn.Sequential):
    """A chain of layers of which a part, such as `model[:3]`, is a plain `nn.Sequential`."""

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        # torch would call this class with the layers of the part; it takes other arguments.
        layers = list(self)[index]
        return nn.Sequential(*layers) if isinstance(index, slice) else layers


class LeNet(_Layers):
    """LeNet-5 with a free choice of activation and pooling (61,706 weights for MNIST).

    Two 5 by 5 convolutions (6 and 16 channels), each followed by activation and pooling, then
    three linear layers (120, 84, `classes`). Input `(B, in_channels, size, size)`, output logits
    `(B, classes)`. Average pooling is the default because a maximum is not differentiable at ties,
    and the constant background of MNIST ties in every image. After LeCun et al. (1998).

    Args:
        classes: number of classes C, at least 2.
        in_channels: 1 for grey images, 3 for colour.
        size: height and width of the images in pixels, a multiple of 4, at least 12.
        activation: class of the activation layers, such as `nn.ReLU` or `nn.GELU`.
        pooling: class of the pooling layers, called with the window size 2.
        dtype: type of the weights; they are also drawn in it.

    Raises:
        ValueError: fewer than two classes, or a size that the two poolings do not divide.
    """

    def __init__(
        self,
        classes: int = 10,
        in_channels: int = 1,
        size: int = 28,
        activation: type[nn.Module] = nn.ReLU,
        pooling: type[nn.Module] = nn.AvgPool2d,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got {classes}")
        if size < 12 or size % 4:
            raise ValueError(f"size must be a multiple of 4, at least 12, got {size}")
        side = (size // 2 - 4) // 2
        super().__init__(
            nn.Conv2d(in_channels, 6, 5, padding=2, dtype=dtype), activation(), pooling(2),
            nn.Conv2d(6, 16, 5, dtype=dtype), activation(), pooling(2), nn.Flatten(),
            nn.Linear(16 * side * side, 120, dtype=dtype), activation(),
            nn.Linear(120, 84, dtype=dtype), activation(),
            nn.Linear(84, classes, dtype=dtype),
        )  # fmt: skip


class MLP(_Layers):
    """Fully connected network: flatten, then linear layers with an activation between them.

    Args:
        sizes: widths from input to output, such as `(784, 64, 10)`; two numbers give a linear
            classifier. Input `(B, …)` with `sizes[0]` entries an example, logits `(B, sizes[-1])`.
        activation: class of the activation layers.
        dtype: type of the weights; they are also drawn in it.

    Raises:
        ValueError: fewer than two sizes, or fewer than two classes.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: type[nn.Module] = nn.ReLU,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if len(sizes) < 2 or sizes[-1] < 2:
            raise ValueError(f"sizes must end in at least 2 classes, got {tuple(sizes)}")
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after, dtype=dtype), activation()]
        super().__init__(*layers[:-1])


class SmallCNN(_Layers):
    """Small network for colour images (90,154 weights for CIFAR-10).

    Three 3 by 3 convolutions that keep the size, each followed by ReLU and average pooling, then
    one linear layer: piecewise linear, like `LeNet`. Input `(B, 3, 32, 32)`, output logits
    `(B, classes)`.

    Args:
        classes: number of classes C, at least 2.
        widths: channels of the convolutions.
        batch_norm: normalise the batch after each convolution, for training; in evaluation mode
            this is affine, and the checkpoints have it folded into the convolution.
        dtype: type of the weights; they are also drawn in it.

    Raises:
        ValueError: fewer than two classes.
    """

    def __init__(
        self,
        classes: int = 10,
        widths: Sequence[int] = (32, 64, 96),
        batch_norm: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got {classes}")
        layers: list[nn.Module] = []
        for before, after in pairwise((3, *widths)):
            layers.append(nn.Conv2d(before, after, 3, padding=1, dtype=dtype))
            layers += [nn.BatchNorm2d(after, dtype=dtype)] if batch_norm else []
            layers += [nn.ReLU(), nn.AvgPool2d(2)]
        side = 32 // 2 ** len(widths)
        last = nn.Linear(widths[-1] * side**2, classes, dtype=dtype)
        super().__init__(*layers, nn.Flatten(), last)


# For every network with checkpoints: how to build it, and its stages.
NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[str, ...]]] = {
    "lenet": (LeNet, STAGES),
    "cifar10": (SmallCNN, CIFAR_STAGES),
    **{
        name: (partial(LeNet, activation=kind), ("2-epochs",))
        for name, kind in OTHER_ACTIVATIONS.items()
    },
}


def _checkpoint_path(stage: str, seed: int, network: str) -> Path:
    return data_folder() / "checkpoints" / f"{network}-seed{seed}-{stage}.safetensors"


def load_checkpoint(
    stage: str, seed: int = 0, network: str = "lenet"
) -> tuple[nn.Sequential, dict[str, Any]]:
    """A network of the course at one moment of its training.

    Args:
        stage: for "lenet" one of `STAGES`, from "init" to "10-epochs", an epoch being 1,000 steps;
            for "cifar10" one of `CIFAR_STAGES`, partially trained and trained.
        seed: 0, 1 or 2: three independent trainings.
        network: "lenet", the LeNet trained on MNIST, or "cifar10", the SmallCNN on CIFAR-10; or
            one of `OTHER_ACTIVATIONS`, LeNets on MNIST at the stage "2-epochs".

    Returns:
        The network in float32 and evaluation mode, and its card: a dictionary with architecture,
        seed, steps, optimiser, data, accuracy and the command that made it.

    Raises:
        ValueError: there is no such network or stage.
        FileNotFoundError: the checkpoint is missing; the message says how to make it.
    """
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
    build, stages = NETWORKS[network]
    if stage not in stages:
        raise ValueError(f"stage must be one of {', '.join(stages)}, got {stage!r}")
    path = _checkpoint_path(stage, seed, network)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `make checkpoints` trains and writes it")
    model = build()
    model.load_state_dict(load_file(path))
    return model.eval(), json.loads(path.with_suffix(".json").read_text())


def save_checkpoint(
    model: nn.Module, card: dict[str, Any], stage: str, seed: int, network: str = "lenet"
) -> None:
    """Write a checkpoint as float32 safetensors with its card beside it (see `load_checkpoint`)."""
    path = _checkpoint_path(stage, seed, network)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().float().contiguous() for k, v in model.state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
