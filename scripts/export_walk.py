"""Write what the walk in the page needs, from a checkpoint and MNIST.

In `assets/walk/data` the network and ten start digits, in `book/figures` the still picture and the
numbers that stand in the walk's place without scripts. Run it after a change of the checkpoint or
of the format; the results are committed.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch

from helpers import plotting
from helpers.browser import WALK_FOLDER, export_network, to_bytes
from helpers.data import load_mnist
from helpers.models import load_checkpoint
from helpers.navigation import walk_leaf

STAGE, SEED = "400-steps", 0  # the network of chapter 7
FIGURES = Path(__file__).resolve().parent.parent / "book" / "figures"
PAIR = (7, 2)
WALK: dict[str, Any] = {"step": 0.2, "n_steps": 150, "stall": 0.01, "progress": False}
FRAMES = 6
DRIFT = 0.1  # where the page ends a walk on a fibre


def digits(model: torch.nn.Module) -> tuple[list[int], torch.Tensor]:
    """Return the first test digit of each class that the network gets right: indices, images."""
    images, labels = load_mnist("test", 200)
    with torch.no_grad():
        right = model(images).argmax(1) == labels
    chosen = [int(((labels == k) & right).nonzero()[0]) for k in range(10)]
    return chosen, images[chosen]


def still(model: torch.nn.Module, images: torch.Tensor) -> tuple[plt.Figure, str]:
    """Return the picture of two walks from a 7 towards a 2, and a table of three."""
    start, target = (images[k : k + 1] for k in PAIR)
    walks = {
        "leaf, exact rule": walk_leaf(model, start, target=target, **WALK),
        "fibre, exact rule": walk_leaf(model, start, target=target, kernel=True, **WALK),
        "leaf, published rule": walk_leaf(model, start, target=target, rule="published", **WALK),
    }
    ends = {name: int(path.steps[0]) for name, path in walks.items()}
    shift = walks["fibre, exact rule"].total_variation[0]
    ends["fibre, exact rule"] = int((shift > DRIFT).nonzero()[0])
    frames, captions = [], []
    for name, path in list(walks.items())[:2]:
        for t in torch.linspace(0, ends[name], FRAMES).round().int().tolist():
            p, label = path.probabilities[0, t].max(0)
            frames.append(path.points[0, t])
            captions.append(f"{t} steps\nsays {label} ({p:.2f})\nto go {path.distance[0, t]:.1f}")
    rows = [
        "| walk | steps | the network says | to go | outside leaf or fibre | shift of p |",
        "|---|---|---|---|---|---|",
    ]
    for name, path in walks.items():
        t = ends[name]
        p, label = path.probabilities[0, t].max(0)
        left, total = path.distance[0, t], path.distance[0, 0]
        rows.append(
            f"| {name} | {t} | {label} ({p:.0%}) | {left:.1f} of {total:.1f} "
            f"| {path.outside_share[0]:.0%} | {path.total_variation[0, t]:.2f} |"
        )
    return plotting.image_strip(torch.stack(frames), captions, FRAMES), "\n".join(rows) + "\n"


def main() -> None:
    """Write the files."""
    data = WALK_FOLDER / "data"
    model, card = load_checkpoint(STAGE, SEED)
    export_network(model, (1, 28, 28), data, "network")
    chosen, images = digits(model)
    about = {
        "labels": list(range(10)),
        "indices": chosen,
        "source": "MNIST test images",
        "network": f"LeNet after {card['steps']} steps, seed {SEED}",
    }
    (data / "digits.json").write_text(json.dumps(about) + "\n")
    (data / "digits.bin").write_bytes(to_bytes(images))
    plt.style.use("helpers.course")
    figure, table = still(model, images)
    figure.savefig(FIGURES / "walk.png", dpi=110, bbox_inches="tight")
    (FIGURES / "walk_numbers.md").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
