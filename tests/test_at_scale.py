"""Spectra of a whole dataset: the same numbers on any number of processes, and after any crash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from helpers import at_scale
from helpers.at_scale import ArrayFile, read_spectra, stream_spectra, write_spectra
from helpers.data import load_mnist
from helpers.information import data_spectrum
from helpers.models import MLP, load_checkpoint

ROOT = Path(__file__).resolve().parent.parent
COUNT, SHARD, BATCH = 330, 50, 16  # seven shards, the last of 30; neither 50 nor 30 is a multiple


def small() -> nn.Sequential:
    """A network of which a spectrum takes no time."""
    torch.manual_seed(0)
    return MLP((12, 8, 4), dtype=torch.float64).eval()


def points(n: int = 230) -> Tensor:
    return torch.randn(n, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def write(
    folder: Path,
    images: at_scale.Images | None = None,
    model: nn.Module | None = None,
    **given: object,
) -> list[int]:
    settings = {
        "shard_size": 50,
        "batch_size": 20,
        "dtype": torch.float64,
        "progress": False,
    } | given
    images = points() if images is None else images
    return write_spectra(model or small(), images, folder, **settings)


class Failing:
    """The points, of which one raises."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __len__(self) -> int:
        return len(points())

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index == self.at:
            raise OSError("the disk is gone")
        return points()[index], 0  # with a label, as in most datasets


# In one process


@pytest.mark.parametrize("batch_size", [7, 40, 230, 1000])
def test_the_stream_is_data_spectrum(batch_size: int) -> None:
    streamed = list(stream_spectra(small(), points(), batch_size))
    assert max(map(len, streamed)) <= batch_size
    torch.testing.assert_close(torch.cat(streamed), data_spectrum(small(), points()))


def test_part_of_a_stream() -> None:
    part = torch.cat(list(stream_spectra(small(), points(), 4, 7, 16)))
    torch.testing.assert_close(part, data_spectrum(small(), points()[7:16]))


def test_written_and_read(tmp_path: Path) -> None:
    assert write(tmp_path) == [0, 1, 2, 3, 4]
    assert {p.suffix for p in tmp_path.iterdir()} == {".safetensors"}  # nothing else is left
    torch.testing.assert_close(read_spectra(tmp_path), data_spectrum(small(), points()))


def test_the_callers_model_is_not_changed(tmp_path: Path) -> None:
    model = small().float()
    write_spectra(model, points(), tmp_path, dtype=torch.float64, progress=False)
    assert next(model.parameters()).dtype == torch.float32
    assert read_spectra(tmp_path).dtype == torch.float64


@pytest.mark.parametrize("bytes_", [True, False])
def test_array_file(tmp_path: Path, bytes_: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 3, 4), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images if bytes_ else images.astype(np.float64))
    found = ArrayFile(tmp_path / "a.npy")
    assert len(found) == 5
    expected = torch.from_numpy(images).float() / 255 if bytes_ else torch.from_numpy(images)
    assert torch.equal(torch.stack([found[i] for i in range(5)]).double(), expected.double())
    with pytest.raises(IndexError):
        found[5]


def test_a_bar_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, progress=True)
    assert "230/230" in capsys.readouterr().err


def test_model_and_batches_go_to_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's device without memory stands in for a GPU."""
    seen = []

    def spectrum(model: nn.Module, x: Tensor) -> Tensor:
        seen.append({(t.device.type, t.dtype) for t in (x, *model.parameters())})
        return torch.zeros(len(x), 4)

    monkeypatch.setattr(at_scale, "data_spectrum", spectrum)
    monkeypatch.setattr(at_scale, "fingerprint", lambda *_: "00" * 32)  # reads the weights
    write(tmp_path, device="meta", dtype=torch.float32)
    assert (
        seen == [{("meta", torch.float32)}] * 14
    )  # four shards of 50 and one of 30, batches of 20
    assert read_spectra(tmp_path).device.type == "cpu"


def test_the_cpu_by_name_is_the_default(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", device="cpu")
    assert torch.equal(read_spectra(tmp_path / "a"), read_spectra(tmp_path / "b"))


# What goes wrong


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    expected = r"rank 0 of 1 failed at shard 2 \(images 100 to 149\): image 130 .*the disk is gone"
    with pytest.raises(RuntimeError, match=expected):
        write(tmp_path, Failing(130))
    with pytest.raises(RuntimeError, match=r"3 of 5 shards .*begun by rank 0 of 1, process \d+"):
        read_spectra(tmp_path)
    assert write(tmp_path, Failing(-1)) == [2, 3, 4]  # the first two are kept
    assert write(tmp_path, Failing(-1)) == []
    torch.testing.assert_close(read_spectra(tmp_path), data_spectrum(small(), points()))


@pytest.mark.parametrize("given", [{"images": points()[:0]}, {"shard_size": 0}, {"batch_size": 0}])
def test_nothing_to_do_is_refused(tmp_path: Path, given: dict) -> None:
    with pytest.raises(ValueError, match="got"):
        write(tmp_path, **given)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    shutil.copy(path.with_name("shard-000001.safetensors"), path)


@pytest.mark.parametrize("damage", [cut, empty, flip, swap, Path.unlink])
def test_a_damaged_shard_is_noticed_and_computed_again(tmp_path: Path, damage) -> None:
    write(tmp_path)
    damage(tmp_path / "shard-000003.safetensors")
    with pytest.raises(RuntimeError, match=r"1 of 5 shards .*shard 3 \(images 150 to 199\)"):
        read_spectra(tmp_path)
    assert write(tmp_path) == [3]
    torch.testing.assert_close(read_spectra(tmp_path), data_spectrum(small(), points()))


def test_a_half_written_file_is_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "fsync", die)
        write(tmp_path)
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".begun", ".half"]
    with pytest.raises(FileNotFoundError):
        read_spectra(tmp_path)
    assert write(tmp_path) == [0, 1, 2, 3, 4]
    assert {p.suffix for p in tmp_path.iterdir()} == {".safetensors"}


def changed_weights() -> nn.Module:
    model = small()
    with torch.no_grad():
        model[-1].bias[0] += 1e-12
    return model


@pytest.mark.parametrize(
    ("model", "images", "given"),
    [
        (changed_weights, points, {}),
        (lambda: nn.Sequential(*small()[:-2], nn.Tanh(), small()[-1]), points, {}),
        (small, lambda: points(231), {}),
        (small, lambda: points() * 1.001, {}),
        (small, points, {"shard_size": 40}),
        (small, points, {"dtype": torch.float32}),
    ],
)
def test_shards_of_another_run_are_refused(tmp_path: Path, model, images, given) -> None:
    write(tmp_path)
    with pytest.raises(ValueError, match="belongs to another run"):
        write(tmp_path, images(), model().eval(), **given)
    torch.testing.assert_close(read_spectra(tmp_path), data_spectrum(small(), points()))


def test_other_batches_may_go_on(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shard-000003.safetensors").unlink()
    assert write(tmp_path, batch_size=100) == [3]


def test_shards_of_two_runs_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", points() + 1)
    shutil.copy(tmp_path / "a" / "shard-000001.safetensors", tmp_path / "b")
    with pytest.raises(ValueError, match="different runs"):
        read_spectra(tmp_path / "b")


def test_a_shard_says_where_it_comes_from(tmp_path: Path) -> None:
    write(tmp_path)
    with safe_open(tmp_path / "shard-000004.safetensors", "pt") as file:
        facts = file.metadata()
    expected = {"shard": "4", "images": "230", "shard_size": "50", "device": "cpu"}
    assert expected.items() <= facts.items()
    assert facts["settings"] == at_scale.fingerprint(small(), points(), 50)


# On several processes, as a reader would start them

DATASETS = """
import os, signal
from pathlib import Path
from helpers.data import load_mnist

class Faulty:
    def __init__(self, images, fault):
        self.images, self.fault = images, fault
    def __len__(self):
        return len(self.images)
    def __getitem__(self, index):
        if index == 123:
            self.fault()
        return self.images[index]

def fails():
    raise OSError("the disk is gone")

def once():
    marker = Path(__file__).with_name("failed")
    if not marker.exists():
        marker.touch()
        os._exit(3)

FAULTS = {
    "raises": fails,
    "exits": lambda: os._exit(7),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "once": once,
    "never": lambda: None,
}

def digits(fault, n):
    return Faulty(load_mnist("test", n)[0], FAULTS[fault])

def big(n):
    import torch
    class Big:
        def __len__(self):
            return n
        def __getitem__(self, index):
            return torch.full((1, 512, 512), index / n)
    return Big()

def coarse():
    import torch
    return torch.nn.Sequential(torch.nn.AvgPool2d(64), torch.nn.Flatten(), torch.nn.Linear(64, 3))

def late():
    import time
    from helpers.models import load_checkpoint
    time.sleep(3 * int(os.environ["RANK"]))
    return load_checkpoint("10-epochs")

def by_rank():
    import torch
    torch.manual_seed(int(os.environ["RANK"]))
    return coarse()
"""


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "faults.py").write_text(DATASETS)
    return folder


def launch(
    processes: int, folder: Path, modules: Path, fault: str = "never", *more: str, **given: str
) -> subprocess.CompletedProcess[str]:
    """The command of the appendix; 0 processes is the one without torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    options = {
        "model": "helpers.models:load_checkpoint:10-epochs",
        "images": f"faults:digits:{fault}:{COUNT}",
        "folder": str(folder),
        "shard-size": str(SHARD),
        "batch-size": str(BATCH),
        "dtype": "float64",
    } | given
    command = [sys.executable, *(torchrun if processes else []), *more, "-m", "helpers.at_scale"]
    return subprocess.run(
        [*command, *(f"--{name}={value}" for name, value in options.items())],
        env=os.environ | {"PYTHONPATH": str(modules), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3600,
    )


@pytest.fixture(scope="module")
def exact() -> Tensor:
    """The spectra in one piece, without anything of this module."""
    model = load_checkpoint("10-epochs")[0].double()
    return data_spectrum(model, load_mnist("test", COUNT)[0].double())


def assert_equal_to(folder: Path, exact: Tensor) -> None:
    found = read_spectra(folder)
    assert found.shape == exact.shape
    assert ((found - exact).abs() <= 1e-10 * exact[:, :1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 1, 2, 3])
def test_any_number_of_processes(
    tmp_path: Path, faults: Path, exact: Tensor, processes: int
) -> None:
    done = launch(processes, tmp_path, faults)
    assert done.returncode == 0, done.stderr
    world = max(processes, 1)
    for rank in range(world):
        mine = list(range(7))[rank::world]
        size = sum(30 if k == 6 else 50 for k in mine)
        assert f"rank {rank} of {world}: wrote shards {mine}, {size} images" in done.stdout
    assert_equal_to(tmp_path, exact)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "then", "said"),
    [
        ("raises", 0, "rank 0 of 2 failed at shard 2 (images 100 to 149): image 123 cannot be"),
        ("exits", 1, "exitcode  : 7"),
        ("killed", 3, "exitcode  : -9"),
    ],
)
def test_a_worker_dies_and_a_restart_goes_on(
    tmp_path: Path, faults: Path, exact: Tensor, fault: str, then: int, said: str
) -> None:
    died = launch(2, tmp_path, faults, fault)
    assert died.returncode != 0
    assert said in died.stderr, died.stderr
    assert "rank      : 0" in died.stderr  # torchrun's summary names it
    with pytest.raises(RuntimeError, match=r"shard 2 \(images 100 to 149\), begun by rank 0 of 2"):
        read_spectra(tmp_path)
    kept = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.safetensors")}
    assert "shard-000000.safetensors" in kept
    again = launch(then, tmp_path, faults)  # another number of processes
    assert again.returncode == 0, again.stderr
    for name, when in kept.items():
        assert (tmp_path / name).stat().st_mtime_ns == when  # not computed again
    assert {p.suffix for p in tmp_path.iterdir()} == {".safetensors"}
    assert_equal_to(tmp_path, exact)


@pytest.mark.slow
def test_torchrun_restarts_by_itself(tmp_path: Path, faults: Path, exact: Tensor) -> None:
    done = launch(2, tmp_path, faults, "once", "--max-restarts=1")
    assert done.returncode == 0, done.stderr
    assert (faults / "failed").exists()
    assert_equal_to(tmp_path, exact)


@pytest.mark.slow
def test_a_late_process_divides_the_same_list(tmp_path: Path, faults: Path) -> None:
    """If it looked for itself what is missing, it would take turns in a shorter list."""
    given = {"model": "faults:late", "images": "faults:digits:never:40", "shard-size": "10"}
    done = launch(2, tmp_path, faults, **given)
    assert done.returncode == 0, done.stderr
    assert "rank 1 of 2: wrote shards [1, 3], 20 images" in done.stdout
    assert read_spectra(tmp_path).shape == (40, 10)


@pytest.mark.slow
def test_processes_with_different_models_are_refused(tmp_path: Path, faults: Path) -> None:
    given = {"model": "faults:by_rank", "images": "faults:big:20"}
    done = launch(2, tmp_path, faults, **given)
    assert done.returncode != 0
    assert "rank 1 has another model or other images than rank 0" in done.stderr


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path, faults: Path) -> None:
    """In float64 an image takes 2 MiB, so 300 of them 600."""
    peaks = []
    for n in (20, 300):
        given = {"model": "faults:coarse", "images": f"faults:big:{n}", "batch-size": "10"}
        done = launch(0, tmp_path / str(n), faults, **given)
        assert done.returncode == 0, done.stderr
        if "not measured" in done.stderr:
            pytest.skip("this system does not tell the peak memory of a process")
        peaks.append(int(done.stderr.split("peak memory ")[1].split()[0]))
    assert peaks[1] < peaks[0] + 60, peaks


@pytest.mark.parametrize(("local", "expected"), [(None, 0), ("3", 3)])
def test_a_process_takes_its_own_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: str | None, expected: int
) -> None:
    seen = {}
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local:
        monkeypatch.setenv("LOCAL_RANK", local)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: seen.update(set=device))
    monkeypatch.setattr(at_scale, "_peak", lambda _: "not measured")
    monkeypatch.setattr(
        at_scale, "write_spectra", lambda *_, device, **__: seen.update(used=device) or []
    )
    model, images = "helpers.models:load_checkpoint:10-epochs", "helpers.data:load_mnist:test:10"
    given = ["--model", model, "--images", images, "--folder", str(tmp_path), "--device", "cuda"]
    monkeypatch.setattr(sys, "argv", ["at_scale", *given])
    tf32 = torch.backends.cudnn.allow_tf32
    try:
        at_scale.main()
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
    assert seen == {"set": torch.device("cuda", expected), "used": torch.device("cuda", expected)}


@pytest.mark.slow
def test_networks_of_torchvision_by_name() -> None:
    model = at_scale._call("torchvision.models:shufflenet_v2_x0_5")
    assert sum(p.numel() for p in model.parameters()) == 1_366_792
