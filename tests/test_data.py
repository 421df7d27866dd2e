"""The archives are the published ones, and a damaged one is refused with a message that helps."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import data

ROOT = Path(__file__).parents[1]
NAME = "MNIST/raw/t10k-labels-idx1-ubyte.gz"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A private copy of the MNIST test archives."""
    for part in ("images-idx3", "labels-idx1"):
        target = tmp_path / f"MNIST/raw/t10k-{part}-ubyte.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"data/MNIST/raw/t10k-{part}-ubyte.gz", target)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_readme_lists_every_file_with_its_size_and_checksum():
    row = r"\| `(.+?)` \| ([\d,]+) \| `([0-9a-f]{64})` \|"
    text = (ROOT / "data/README.md").read_text(encoding="utf-8")
    listed = {name: (int(size.replace(",", "")), sha) for name, size, sha in re.findall(row, text)}
    assert set(listed) == {*data.ARCHIVES, "cifar10-classes.png"}
    for name, expected in listed.items():
        content = (ROOT / "data" / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == expected, name


def test_checksums_of_the_checkpoints():
    folder = ROOT / "data/checkpoints"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(listed) == files_below(folder) - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_git_has_every_data_file_and_nothing_unpacked():
    listed = subprocess.run(["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tracked = {Path(name).relative_to("data").as_posix() for name in listed.stdout.splitlines()}
    checkpoints = {f"checkpoints/{name}" for name in files_below(ROOT / "data/checkpoints")}
    assert tracked == {"README.md", "cifar10-classes.png", *data.ARCHIVES} | checkpoints


def test_git_for_windows_changes_no_byte_of_any_file(tmp_path):
    """`core.autocrlf=true`, its default, would break checksums and scripts: see .gitattributes."""

    def git(*arguments, **more):
        command = ["git", "-c", "core.autocrlf=true", *arguments]
        return subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8", **more
        ).stdout

    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")

    kept = {}  # file: hash
    for line in git("ls-files", "-z", "--stage").split("\0")[:-1]:
        about, name = line.split("\t")
        kept[name] = about.split()[1]
    git("checkout-index", "--all", f"--prefix={tmp_path.as_posix()}/")
    names = "".join(f"{tmp_path / name}\n" for name in kept)
    found = git("hash-object", "--no-filters", "--stdin-paths", input=names).split()
    changed = [n for n, sha in zip(kept, found, strict=True) if kept[n] != sha]
    assert kept and not changed
    endings = git("ls-files", "--eol").splitlines()
    assert not [line for line in endings if line.startswith(("i/crlf", "i/mixed"))]


@pytest.mark.parametrize("split, size", [("train", 60_000), ("test", 10_000)])
def test_mnist(split, size):
    x, y = data.load_mnist(split)
    assert (x.shape, x.dtype) == ((size, 1, 28, 28), torch.float32)
    assert (y.shape, y.dtype) == ((size,), torch.int64)
    assert (x.min(), x.max()) == (0, 1) and y.unique().tolist() == list(range(10))
    if split == "train":  # the known mean and standard deviation
        assert (round(x.mean().item(), 4), round(x.std().item(), 4)) == (0.1307, 0.3081)
        assert y[:5].tolist() == [5, 0, 4, 1, 9]


def test_first_n_is_the_beginning_of_all():
    x, y = data.load_mnist("test", 7)
    everything = data.load_mnist("test")
    assert torch.equal(x, everything[0][:7]) and torch.equal(y, everything[1][:7])


def test_fashion_mnist():
    x, y = data.load_fashion_mnist()
    assert (x.shape, x.dtype, y.dtype) == ((10_000, 1, 28, 28), torch.float32, torch.int64)
    assert y.bincount().tolist() == [1000] * 10


@pytest.mark.parametrize(
    "name, side",
    [("cifar10-classes", 32), ("cifar10", 32), ("cifar100", 32), ("imagenet", 224)],
)
def test_sample_images(name, side):
    x, y = data.sample_images(name)
    assert (x.shape, x.dtype) == ((20, 3, side, side), torch.float32)
    assert 0 <= x.min() < x.max() <= 1 and y.shape == (20,)


def test_two_images_of_each_class_are_the_first_of_the_test_set():
    x, y = data.sample_images("cifar10-classes")
    assert y.tolist() == 2 * [*range(10)]
    first, labels = data.sample_images("cifar10")  # the first twenty of the same set
    for c in labels.unique():
        assert torch.equal(x[y == c][0], first[labels == c][0])


def test_cifar10_says_what_to_do_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(RuntimeError, match="download=True") as caught:
        data.load_cifar10("test")
    message = str(caught.value)
    assert "\n" not in message and str(tmp_path / "CIFAR10/test") in message
    assert 'sample_images("cifar10")' in message

    def no_network(*_, **__):
        raise OSError("no route to host")

    fake = SimpleNamespace(datasets=SimpleNamespace(CIFAR10=no_network))
    monkeypatch.setattr(data, "load_torchvision", lambda: fake)
    with pytest.raises(RuntimeError, match=r"download failed \(no route to host\)"):
        data.load_cifar10("test", download=True)


@pytest.mark.parametrize("original", [True, False])
def test_cifar10_from_a_tree_of_images(tmp_path, monkeypatch, original):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    names = list(data.CLASS_NAMES["cifar10"])
    if original:
        names = [{"aeroplane": "airplane", "car": "automobile", "lorry": "truck"}.get(n, n)
                 for n in names]  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (2, 10, 32, 32, 3), dtype=np.uint8)
    for k in range(2):
        for label, name in enumerate(names):
            folder = tmp_path / "CIFAR10/train" / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[k, label]).save(folder / f"{k:04}.png")
    x, y = data.load_cifar10("train")
    assert y.tolist() == [*range(10), *range(10)]  # the first n have all classes
    assert (x.dtype, x.shape) == (torch.float32, (20, 3, 32, 32))
    assert x[13, 2, 5, 7].item() == pytest.approx(pixels[1, 3, 5, 7, 2] / 255)
    few = data.load_cifar10("train", 12)
    assert torch.equal(few[0], x[:12]) and torch.equal(few[1], y[:12])
    with pytest.raises(ValueError, match="between 1 and 20"):
        data.load_cifar10("train", 21)
    with pytest.raises(RuntimeError, match="download=True"):
        data.load_cifar10("test")
    (tmp_path / "CIFAR10/train" / names[2]).rename(tmp_path / "CIFAR10/train/fish")
    with pytest.raises(ValueError, match="fish"):
        data.load_cifar10("train")


def test_cifar10_from_torchvision(monkeypatch):
    """The conversion, on a stand-in for the data set, which does not travel."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    asked = []

    def stand_in(folder, train, download):
        asked.append((folder, train, download))
        return SimpleNamespace(data=pixels, targets=[3, 8, 8, 0, 6])

    fake = SimpleNamespace(datasets=SimpleNamespace(CIFAR10=stand_in))
    monkeypatch.setattr(data, "load_torchvision", lambda: fake)
    x, y = data.load_cifar10("train", 4)
    assert asked == [(data.data_folder(), True, False)]
    assert (x.shape, x.dtype, y.tolist()) == ((4, 3, 32, 32), torch.float32, [3, 8, 8, 0])
    assert x[2, 1, 30, 7].item() == pytest.approx(pixels[2, 30, 7, 1] / 255)


def test_torchvision_reads_the_same_images(tmp_path):
    shutil.copytree(ROOT / "data/MNIST", tmp_path / "MNIST")
    theirs = data.load_torchvision().datasets.MNIST(tmp_path, train=False, download=True)
    x, y = data.load_mnist("test")
    assert torch.equal((x * 255).round().to(torch.uint8).squeeze(1), theirs.data)
    assert torch.equal(y, theirs.targets)


def damage(path, how):
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["missing", "truncated", "altered"])
def test_damaged_archive_is_named_and_leaves_nothing_behind(copy, how):
    damage(copy / NAME, how)
    before = files_below(copy)
    with pytest.raises((FileNotFoundError, ValueError)) as caught:
        data.load_mnist("test")
    message = str(caught.value)
    assert str(copy / NAME) in message  # which file
    assert "ec29112dd5afa0611ce80d1b7f02629c" in message  # what was expected
    assert "git checkout" in message and "COURSE_DATA" in message  # what to do
    assert files_below(copy) == before


def test_loading_writes_nothing_so_a_read_only_folder_will_do(copy):
    before = files_below(copy)
    data.load_mnist("test")
    assert files_below(copy) == before


@pytest.mark.slow
def test_two_processes_at_once(copy):
    code = "from helpers.data import load_mnist; print(load_mnist('test')[1].sum().item())"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1] == f"{data.load_mnist('test')[1].sum().item()}\n"


def test_arguments_are_checked():
    for bad in (lambda: data.load_mnist("valid"), lambda: data.load_mnist("test", 10_001),
                lambda: data.load_mnist("test", 0), lambda: data.sample_images("svhn"),
                lambda: data.load_cifar10("valid")):  # fmt: skip
        with pytest.raises(ValueError):
            bad()


def test_paper_unit():
    x, _ = data.load_mnist("test", 2)
    normalised = (x - 0.1307) / 0.3081
    ours, theirs = (x[0] - x[1]).norm(), (normalised[0] - normalised[1]).norm()
    assert torch.isclose(theirs, data.PAPER_UNIT * ours)
