"""Train the course's LeNet on MNIST and write its checkpoints (`make checkpoints`).

Three seeds, ten moments each. Training is in float64 at a stable rate, so that another machine
finds the same network up to rounding; the weights are stored in float32.
"""

import argparse
import hashlib

import torch

from helpers.data import data_folder, load_mnist
from helpers.models import STAGES, LeNet, save_checkpoint
from helpers.training import accuracy, seed_everything, train

EPOCH = 1000  # 50,000 images in batches of 50
RECIPE = {"batch_size": 50, "lr": 0.05, "momentum": 0.9}


def steps_of(stage: str) -> int:
    """Number of updates at a stage: "init" is 0, "400-steps" 400, "10-epochs" 10,000."""
    if stage == "init":
        return 0
    count, unit = stage.split("-")
    return int(count) * (EPOCH if unit.startswith("epoch") else 1)


def make(seed: int, last: str = STAGES[-1], write: bool = True) -> LeNet:
    """Train one seed up to the stage `last`, writing each checkpoint on the way."""
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


def write_checksums() -> None:
    """List the SHA-256 of every checkpoint, in the format of sha256sum."""
    folder = data_folder() / "checkpoints"
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("lenet-*"))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    for number in parser.parse_args().seeds:
        make(number)
    write_checksums()
