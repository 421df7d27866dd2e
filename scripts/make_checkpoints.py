"""Train the networks of the course and write their checkpoints (`make checkpoints`).

LeNet on MNIST: three seeds, ten moments each. Training is in float64 at a stable rate, so that
another machine finds the same network up to rounding; the weights are stored in float32.

LeNets with other activations: three seeds, after two epochs of Adam, in float64 too. (Plain SGD
starts very slowly with the sigmoid.)

SmallCNN on CIFAR-10, if the data are there: three seeds, two moments each. Training is in float32,
for speed, so another machine finds a network as good but not the same one.
"""

import argparse
import copy
import hashlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from helpers.data import data_folder, load_cifar10, load_mnist
from helpers.models import (
    CIFAR_STAGES,
    OTHER_ACTIVATIONS,
    STAGES,
    LeNet,
    SmallCNN,
    save_checkpoint,
)
from helpers.training import accuracy, seed_everything, train

EPOCH = 1000  # MNIST: 50,000 images in batches of 50
RECIPE: dict[str, Any] = {"batch_size": 50, "lr": 0.05, "momentum": 0.9}

CIFAR_EPOCH = 450  # 45,000 images in batches of 100
CIFAR_RECIPE: dict[str, Any] = {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}


def steps_of(stage: str, epoch: int = EPOCH) -> int:
    """Number of updates at a stage: "init" is 0, "400-steps" 400, "10-epochs" 10,000."""
    if stage == "init":
        return 0
    count, unit = stage.split("-")
    return int(count) * (epoch if unit.startswith("epoch") else 1)


def make(seed: int, last: str = STAGES[-1], write: bool = True) -> LeNet:
    """Train one seed of LeNet up to the stage `last`, writing each checkpoint on the way."""
    x, y = load_mnist("train")
    x_test, y_test = load_mnist("test")
    x, x_test = x.double(), x_test.double()
    stages = {steps_of(stage): stage for stage in STAGES}

    def save(step: int, model: torch.nn.Module) -> None:
        card = {
            "architecture": "LeNet (average pooling, ReLU), 61,706 weights",
            "data": "MNIST, first 50,000 training images, pixels in [0, 1]",
            "seed": seed,
            "steps": step,
            "optimizer": "SGD, constant rate, trained in float64, stored in float32",
            **RECIPE,
            "validation_accuracy": accuracy(model, x[50_000:], y[50_000:]),
            "test_accuracy": accuracy(model, x_test, y_test),
            "torch": torch.__version__,
            "command": f"python scripts/make_checkpoints.py --seeds {seed}",
        }
        save_checkpoint(model, card, stages[step], seed)

    seed_everything(seed)
    model = LeNet(dtype=torch.float64)
    train(
        model, x[:50_000], y[:50_000], steps=steps_of(last), seed=seed, **RECIPE,
        callback=save if write else None, callback_at=stages,
    )  # fmt: skip
    return model


def make_other(network: str, seed: int) -> None:
    """Train and write a LeNet with another activation, one of `OTHER_ACTIVATIONS`."""
    x, y = load_mnist("train")
    x_test, y_test = load_mnist("test")
    x, x_test = x.double(), x_test.double()
    activation, steps = OTHER_ACTIVATIONS[network], steps_of("2-epochs")
    seed_everything(seed)
    model = LeNet(activation=activation, dtype=torch.float64)
    adam = torch.optim.Adam(model.parameters(), lr=0.002)
    train(model, x[:50_000], y[:50_000], steps=steps, batch_size=50, optimizer=adam, seed=seed)
    card = {
        "architecture": f"LeNet (average pooling, {activation.__name__}), 61,706 weights",
        "data": "MNIST, first 50,000 training images, pixels in [0, 1]",
        "seed": seed,
        "steps": steps,
        "optimizer": "Adam, constant rate, trained in float64, stored in float32",
        "batch_size": 50,
        "lr": 0.002,
        "validation_accuracy": accuracy(model, x[50_000:], y[50_000:]),
        "test_accuracy": accuracy(model, x_test, y_test),
        "torch": torch.__version__,
        "command": f"python scripts/make_checkpoints.py --networks {network} --seeds {seed}",
    }
    save_checkpoint(model, card, "2-epochs", seed, network)


class Augment(nn.Module):
    """In training: mirror each image with probability 1/2, shift the batch by up to 2 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))
        height, width = x.shape[2:]
        down, right = torch.randint(0, 5, (2,)).tolist()
        padded = nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return padded[:, :, down : down + height, right : right + width]


def folded(model: nn.Sequential) -> SmallCNN:
    """The same function in evaluation mode, with batch normalisation folded into convolutions."""
    layers = list(copy.deepcopy(model).eval())
    plain = SmallCNN()
    for k, layer in enumerate(layers[1:], 1):
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers[k - 1]
            assert isinstance(convolution, nn.Conv2d)
            layers[k - 1] = fuse_conv_bn_eval(convolution, layer)
    kept = [layer for layer in layers if not isinstance(layer, nn.BatchNorm2d)]
    plain.load_state_dict(nn.Sequential(*kept).state_dict())
    return plain.eval()


def make_cifar(
    seed: int, copy_of_data: str, last: str = CIFAR_STAGES[-1], write: bool = True
) -> SmallCNN:
    """Train one seed of SmallCNN up to the stage `last`, writing each checkpoint on the way.

    Args:
        seed: of the weights, the order and the augmentation.
        copy_of_data: what the card says of the copy of CIFAR-10 that is in the data folder.
        last: the last stage.
        write: write checkpoints.
    """
    x, y = load_cifar10("train")
    x_test, y_test = load_cifar10("test")
    stages = {steps_of(stage, CIFAR_EPOCH): stage for stage in CIFAR_STAGES}
    steps = steps_of(CIFAR_STAGES[-1], CIFAR_EPOCH)

    def save(step: int, _: nn.Module) -> None:
        plain = folded(model)
        card = {
            "architecture": "SmallCNN (average pooling, ReLU), 90,154 weights",
            "data": f"CIFAR-10, {copy_of_data}, first 45,000 training images, pixels in [0, 1]",
            "seed": seed,
            "steps": step,
            "epochs": step // CIFAR_EPOCH,
            "optimizer": "SGD, rate falling linearly to 0 at the last stage, float32; batch "
            "normalisation, folded into the convolutions; images mirrored and shifted",
            "batch_size": 100,
            **CIFAR_RECIPE,
            "validation_accuracy": accuracy(plain, x[45_000:], y[45_000:]),
            "test_accuracy": accuracy(plain, x_test, y_test),
            "torch": torch.__version__,
            "command": f"python scripts/make_checkpoints.py --networks cifar10 --seeds {seed}",
        }
        print(stages[step], seed, card["validation_accuracy"], card["test_accuracy"], flush=True)
        save_checkpoint(plain, card, stages[step], seed, "cifar10")

    seed_everything(seed)
    model = SmallCNN(batch_norm=True)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its types lack it
    with_noise = nn.Sequential(Augment(), model)
    train(
        with_noise, x[:45_000], y[:45_000], steps=steps_of(last, CIFAR_EPOCH), batch_size=100,
        seed=seed, optimizer=torch.optim.SGD(model.parameters(), **CIFAR_RECIPE),
        schedule=lambda step: 1 - step / steps,
        callback=save if write else None, callback_at=stages,
    )  # fmt: skip
    return folded(model)


def write_checksums() -> None:
    """List the SHA-256 of every checkpoint, in the format of sha256sum."""
    folder = data_folder() / "checkpoints"
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("*-seed*"))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    everything = ["lenet", *OTHER_ACTIVATIONS, "cifar10"]
    parser.add_argument("--networks", nargs="+", default=everything, choices=everything)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    if "lenet" in arguments.networks:
        for number in arguments.seeds:
            make(number)
    for other in OTHER_ACTIVATIONS:
        if other in arguments.networks:
            for number in arguments.seeds:
                make_other(other, number)
    if "cifar10" in arguments.networks:
        try:
            load_cifar10("test", 1)
        except RuntimeError as missing:
            print(f"SmallCNN is left as it is: {missing}")
        else:
            original = (data_folder() / "cifar-10-batches-py").is_dir()
            kind = "original pixels" if original else "JPEG-encoded copy"
            for number in arguments.seeds:
                make_cifar(number, kind)
    write_checksums()
