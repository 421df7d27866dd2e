"""Data sets as tensors.

Images are float32 in pixel units [0, 1] throughout the course. The papers on the data leaf
normalise MNIST to (pixel − 0.1307) / 0.3081, so one unit of distance here is `PAPER_UNIT` = 1 /
0.3081 ≈ 3.25 of theirs; directions, ranks and leaves are the same.

The archives are read where they lie and unpacked in memory: no file is ever written, so there is
none to be left half-written, a read-only folder will do, and processes cannot disturb each other.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from helpers._torchvision import load_torchvision

PAPER_UNIT = 1 / 0.3081

# MD5 as published with the data sets and used by torchvision.
ARCHIVES = {
    "MNIST/raw/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "MNIST/raw/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "MNIST/raw/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "MNIST/raw/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "FashionMNIST/raw/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}

CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "boot",
    ),
    "cifar10": (
        "aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "lorry",
    ),
}  # fmt: skip


def data_folder() -> Path:
    """The folder that holds the data: `COURSE_DATA` if set, else `data/` of the repository."""
    return Path(os.environ.get("COURSE_DATA") or Path(__file__).parents[1] / "data")


def _read_archive(name: str) -> np.ndarray:
    """Unpack one IDX archive in memory, after comparing its checksum with the published one."""
    path, expected = data_folder() / name, ARCHIVES[name]
    cure = (
        "Restore it from the repository (git checkout -- data), or set COURSE_DATA to a folder "
        "that holds it."
    )
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: expected an archive with MD5 {expected}. {cure}"
        )
    packed = path.read_bytes()
    found = hashlib.md5(packed, usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is truncated or altered: expected MD5 {expected}, found {found} "
            f"({len(packed):,} bytes). {cure}"
        )
    raw = gzip.decompress(packed)
    # IDX: two zero bytes, the type (8: unsigned byte), the number of axes, then a big-endian
    # 32-bit length for each axis, then the data.
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", count=axes, offset=4).astype(int)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _check_count(n: int | None, available: int) -> None:
    if n is not None and not 1 <= n <= available:
        raise ValueError(f"n must be between 1 and {available}, got {n}")


def _load_idx(folder: str, split: str, n: int | None) -> tuple[Tensor, Tensor]:
    prefix = {"train": "train", "test": "t10k"}[split]
    images = _read_archive(f"{folder}/raw/{prefix}-images-idx3-ubyte.gz")
    labels = _read_archive(f"{folder}/raw/{prefix}-labels-idx1-ubyte.gz")
    _check_count(n, len(labels))
    x = torch.from_numpy(images[:n].astype(np.float32) / 255).unsqueeze(1)
    return x, torch.from_numpy(labels[:n].astype(np.int64))


def load_mnist(split: str, n: int | None = None) -> tuple[Tensor, Tensor]:
    """MNIST handwritten digits (LeCun, Cortes and Burges).

    Args:
        split: "train" (60,000 images) or "test" (10,000), as the authors divided them.
        n: take the first n; all by default.

    Returns:
        Images float32 in [0, 1], shape `(N, 1, 28, 28)`, and labels int64, shape `(N,)`.

    Raises:
        ValueError: unknown split, n out of range, or an archive whose checksum is wrong.
        FileNotFoundError: an archive is missing.
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    return _load_idx("MNIST", split, n)


def load_fashion_mnist(n: int | None = None) -> tuple[Tensor, Tensor]:
    """Test split of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 10,000 articles of clothing.

    Args:
        n: take the first n; all by default.

    Returns:
        Images float32 in [0, 1], shape `(N, 1, 28, 28)`, and labels int64, shape `(N,)`.

    Raises:
        ValueError: n out of range, or an archive whose checksum is wrong.
        FileNotFoundError: an archive is missing.
    """
    return _load_idx("FashionMNIST", "test", n)


def _load_tree(tree: Path, n: int | None) -> tuple[Tensor, Tensor]:
    """Images of a tree with one folder a class, in the order of their file names."""
    folders = {name: k for k, name in enumerate(CLASS_NAMES["cifar10"])}
    folders |= {"airplane": 0, "automobile": 1, "truck": 9}  # as the data set's authors spell them
    files = [p for p in tree.glob("*/*") if p.suffix.lower() in (".png", ".jpg", ".jpeg")]
    unknown = sorted({p.parent.name for p in files} - set(folders))
    if unknown or not files:
        raise ValueError(f"{tree} needs images in folders {', '.join(folders)}; found {unknown}")
    files.sort(key=lambda p: (p.name, folders[p.parent.name]))
    _check_count(n, len(files))
    x = np.stack([np.asarray(Image.open(p).convert("RGB")) for p in files[:n]])
    return _to_tensor(x), torch.tensor([folders[p.parent.name] for p in files[:n]])


def _to_tensor(pixels: np.ndarray) -> Tensor:
    """Bytes `(N, H, W, channels)` to float32 in [0, 1], `(N, channels, H, W)`."""
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()


def load_cifar10(split: str, n: int | None = None, download: bool = False) -> tuple[Tensor, Tensor]:
    """CIFAR-10 (Krizhevsky, 2009), which is too large to travel with the course.

    Taken from torchvision's copy in the data folder, if it is there or `download` is set. Else
    from a tree of PNG or JPEG files, `CIFAR10/train/<class>/…` and `CIFAR10/test/<class>/…` in the
    data folder, whose folders have the names of `CLASS_NAMES["cifar10"]` or the original ones
    (airplane, automobile, truck); ordered by file name, then class, so that the first n are of
    all classes where each class counts its files from zero.

    Args:
        split: "train" (50,000 images) or "test" (10,000).
        n: take the first n; all by default.
        download: fetch the 170 MB archive into the data folder if it is not there.

    Returns:
        Images float32 in [0, 1], shape `(N, 3, 32, 32)`, and labels int64, shape `(N,)`, which
        count `CLASS_NAMES["cifar10"]`.

    Raises:
        ValueError: unknown split, n out of range, or a tree with folders of other names.
        RuntimeError: the data set is not in the data folder, and `download` is False or failed.
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    tree = data_folder() / "CIFAR10" / split
    datasets = load_torchvision().datasets
    try:
        cifar = datasets.CIFAR10(data_folder(), train=split == "train", download=download)
    except (RuntimeError, OSError) as error:
        if tree.is_dir():
            return _load_tree(tree, n)
        why = f"the download failed ({error})" if download else "it is not there"
        raise RuntimeError(
            f"no CIFAR-10: {why}; call load_cifar10({split!r}, download=True) with a network, put "
            f'images in {tree}/<class>/, or go on with sample_images("cifar10")'
        ) from None
    _check_count(n, len(cifar.targets))
    return _to_tensor(cifar.data[:n]), torch.tensor(cifar.targets[:n])


def sample_images(name: str) -> tuple[Tensor, Tensor]:
    """Twenty real labelled images, which travel with the course or the package foolbox (MIT).

    They are the data of a reader without a network: enough to look at and to compute with, not to
    train on.

    Args:
        name: "cifar10-classes", the first two test images of each class; "cifar10", the first
            twenty, without a bird or a deer; "cifar100" (all 32 by 32); or "imagenet" (cropped to
            the middle square and scaled to 224 by 224).

    Returns:
        Images float32 in [0, 1], shape `(20, 3, H, W)`, and labels int64, shape `(20,)`.

    Raises:
        ValueError: unknown name.
    """
    known = ("cifar10-classes", "cifar10", "cifar100", "imagenet")
    if name not in known:
        raise ValueError(f"name must be one of {known}, got {name!r}")
    if name == "cifar10-classes":
        rows = np.asarray(Image.open(data_folder() / f"{name}.png"))
        pixels = rows.reshape(2, 32, 10, 32, 3).swapaxes(1, 2).reshape(20, 32, 32, 3)
        return _to_tensor(pixels), torch.arange(10).repeat(2)
    # Found without importing foolbox, which is slow and warns.
    package = find_spec("foolbox")
    folder = Path(package.origin).parent / "data" if package and package.origin else Path()
    side = 224 if name == "imagenet" else 32
    pictures, labels = [], []
    for path in sorted(folder.glob(f"{name}_*")):
        picture = ImageOps.fit(Image.open(path).convert("RGB"), (side, side))
        pictures.append(np.asarray(picture))
        labels.append(int(path.stem.split("_")[2]))  # imagenet_07_609.jpg
    return _to_tensor(np.stack(pictures)), torch.tensor(labels)
