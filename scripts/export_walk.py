"""Write what the walk in the page needs, from a checkpoint and MNIST: `assets/walk/data`.

Run it after a change of the checkpoint or of the format; the result is committed.
"""

import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from helpers.browser import WALK_FOLDER, export_network, to_bytes  # noqa: E402
from helpers.data import load_mnist  # noqa: E402
from helpers.models import load_checkpoint  # noqa: E402

STAGE, SEED = "400-steps", 0  # the network of chapter 7


def main() -> None:
    """Export the network, and the first test digit of each class that it gets right."""
    folder = WALK_FOLDER / "data"
    model, card = load_checkpoint(STAGE, SEED)
    export_network(model, (1, 28, 28), folder, "network")
    images, labels = load_mnist("test", 200)
    with torch.no_grad():
        right = model(images).argmax(1) == labels
    chosen = [int(((labels == k) & right).nonzero()[0]) for k in range(10)]
    about = {
        "labels": list(range(10)),
        "indices": chosen,
        "source": "MNIST test images",
        "network": f"LeNet after {card['steps']} steps, seed {SEED}",
    }
    (folder / "digits.json").write_text(json.dumps(about, indent=1) + "\n")
    (folder / "digits.bin").write_bytes(to_bytes(images[chosen]))


if __name__ == "__main__":
    main()
