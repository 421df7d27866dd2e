"""Spectra of a dataset that does not fit in memory, on one process or on many.

    python -m helpers.at_scale --model helpers.models:load_checkpoint:10-epochs \
        --images helpers.data:load_mnist:test --folder spectra
    torchrun --standalone --nproc-per-node 2 -m helpers.at_scale (the same arguments)

The images are cut into blocks of equal size, whoever computes them, and the spectra of a block go
into one file, a shard. So the answer does not depend on the number of processes, and a run that
was cut off goes on from the shards that are there, with any number of processes. (Appendix "At
scale".)
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.rendezvous import rendezvous

from helpers._torchvision import load_torchvision
from helpers.information import data_spectrum
from helpers.training import progress_bar


class Images(Protocol):
    """Images by number: a tensor, or a dataset of torch with items `image` or `(image, label)`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class ArrayFile:
    """The images of a .npy file `(N, channels, H, W)`, read from the disk when they are asked for.

    Bytes become float32 in [0, 1]; other numbers stay as they are.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        header = np.load(path, mmap_mode="r")
        self.shape, self.dtype, self.offset = header.shape, header.dtype, header.offset

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Tensor:
        if not 0 <= index < len(self):
            raise IndexError(index)
        # Read and not mapped: mapped pages would count as memory of the process.
        size = math.prod(self.shape[1:])
        place = self.offset + index * size * self.dtype.itemsize
        image = torch.from_numpy(np.fromfile(self.path, self.dtype, size, offset=place))
        image = image.reshape(self.shape[1:])
        return image.float() / 255 if image.dtype == torch.uint8 else image


def _image(images: Images, index: int) -> Tensor:
    try:
        item = images[index]
    except Exception as error:
        raise RuntimeError(f"image {index} cannot be read: {error!r}") from error
    return item[0] if isinstance(item, tuple | list) else item


def stream_spectra(
    model: nn.Module, images: Images, batch_size: int = 250, start: int = 0, stop: int | None = None
) -> Iterator[Tensor]:
    """`data_spectrum` of images that are read batch by batch; memory holds one batch.

    Args:
        model: as in `data_spectrum`. Each batch is moved to the device and the dtype of its first
            parameter.
        images: a tensor `(N, …)`, or a dataset with items `image` or `(image, label)`.
        batch_size: images at a time.
        start, stop: the images from `start` to `stop` − 1; all by default.

    Yields:
        Eigenvalues of G, `(b, C)`, on the CPU, largest first.

    Raises:
        RuntimeError: an image cannot be read; the message has its number.
        ValueError: as in `data_spectrum`.
    """
    like = next(model.parameters())
    stop = len(images) if stop is None else stop
    for first in range(start, stop, batch_size):
        batch = [_image(images, i) for i in range(first, min(first + batch_size, stop))]
        yield data_spectrum(model, torch.stack(batch).to(like)).cpu()


def _bytes(values: Tensor) -> bytes:
    return values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def fingerprint(model: nn.Module, images: Images, shard_size: int) -> str:
    """SHA-256 of what the shards depend on, to tell those of another run.

    It covers the layers and weights of the model with their dtype, the size of a shard, the number
    of images, and 100 images evenly spread over the dataset. It does not cover the batch size and
    the device, which change a result by round-off only: a run may go on with others.
    """
    found = hashlib.sha256(f"{model} {shard_size} {len(images)}".encode())
    for name, value in model.state_dict().items():
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode() + _bytes(value))
    for i in sorted({k * (len(images) - 1) // 99 for k in range(100)}):
        found.update(_bytes(_image(images, i)))
    return found.hexdigest()


def _images_in(shards: list[int], shard_size: int, count: int) -> int:
    return sum(min(shard_size, count - k * shard_size) for k in shards)


def _path(folder: Path, k: int) -> Path:
    return folder / f"shard-{k:06d}.safetensors"


def _name(k: int, shard_size: int, count: int) -> str:
    return f"shard {k} (images {k * shard_size} to {min((k + 1) * shard_size, count) - 1})"


def _write(path: Path, spectra: Tensor, metadata: dict[str, str]) -> None:
    """Under another name first: whatever cuts this off, no half of a shard has a shard's name."""
    metadata["sha256"] = hashlib.sha256(_bytes(spectra)).hexdigest()
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        file.write(safetensors.torch.save({"spectra": spectra}, metadata))
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def _read(folder: Path, k: int) -> tuple[Tensor, dict[str, str]] | None:
    """Spectra and metadata of shard k, or None if it is missing or damaged."""
    try:
        with safe_open(_path(folder, k), "pt") as file:
            spectra, metadata = file.get_tensor("spectra"), file.metadata() or {}
    except (FileNotFoundError, SafetensorError):
        return None
    sound = metadata.get("sha256") == hashlib.sha256(_bytes(spectra)).hexdigest()
    return (spectra, metadata) if sound and metadata["shard"] == str(k) else None


def _missing(folder: Path, shards: int, settings: str) -> list[int]:
    missing = []
    for k in range(shards):
        found = _read(folder, k)
        if found is None:
            missing.append(k)
        elif found[1]["settings"] != settings:
            raise ValueError(
                f"{_path(folder, k)} belongs to another run: other weights, images, dtype or size "
                "of a shard. Give this run a folder of its own."
            )
    return missing


def _agree(settings: str, todo: list[int], shards: int, device: torch.device) -> list[int]:
    """The shards that rank 0 found missing, on every process; all must have its settings."""
    own = torch.tensor(list(bytes.fromhex(settings)), dtype=torch.uint8, device=device)
    said = own.clone()
    dist.broadcast(said, 0)
    if not torch.equal(own, said):
        raise ValueError(f"rank {dist.get_rank()} has another model or other images than rank 0")
    missing = torch.zeros(shards, dtype=torch.uint8, device=device)
    missing[todo] = 1
    dist.broadcast(missing, 0)
    return missing.nonzero().flatten().tolist()


def write_spectra(
    model: nn.Module,
    images: Images,
    folder: str | Path,
    *,
    shard_size: int = 1000,
    batch_size: int = 250,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool | None = None,
) -> list[int]:
    """Write the spectra of all images into a folder, or those that are missing there.

    With a process group of torch.distributed, the processes share the work; each calls this
    function with the same arguments, and all see the same folder. A process returns when its own
    shards are written, not waiting for the others.

    Args:
        model: classifier in evaluation mode; a copy of it is moved to `device` and `dtype`.
        images: as in `stream_spectra`.
        folder: made if it is not there.
        shard_size: images of one file: what is lost at most, a process, when a run is cut off.
        batch_size: images at a time; bounds the memory.
        device: "cpu", "cuda" or another device of torch.
        dtype: in which the network computes, and of the answer.
        progress: show a bar for the share of rank 0. By default on, unless the environment
            variable COURSE_PROGRESS is 0.

    Returns:
        The numbers of the shards that this process wrote.

    Raises:
        ValueError: the folder has shards of another run, a process has other settings, or there
            are no images.
        RuntimeError: the spectra of a shard failed; the message names rank, shard and images.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    device, folder, count = torch.device(device), Path(folder), len(images)
    if min(count, shard_size, batch_size) < 1:
        raise ValueError(f"got {count} images, shard_size {shard_size}, batch_size {batch_size}")
    folder.mkdir(parents=True, exist_ok=True)
    model = copy.deepcopy(model).to(device, dtype)
    shards, settings = math.ceil(count / shard_size), fingerprint(model, images, shard_size)
    todo = _missing(folder, shards, settings) if rank == 0 else []
    if dist.is_initialized():
        todo = _agree(settings, todo, shards, device)
    mine = todo[rank::world]
    who = f"rank {rank} of {world}"
    facts = {"settings": settings, "images": str(count), "shard_size": str(shard_size)}
    facts |= {"torch": torch.__version__, "device": str(device)}
    size = _images_in(mine, shard_size, count)
    with progress_bar(size, progress if rank == 0 else False) as bar:
        bar.unit = "image"
        bar.set_description(who)
        for k in mine:
            # The note says who died, if this process is killed and can no longer say so.
            note, parts = _path(folder, k).with_suffix(".begun"), []
            note.write_text(f"{who}, process {os.getpid()} on {platform.node()}")
            start, stop = k * shard_size, min((k + 1) * shard_size, count)
            try:
                for part in stream_spectra(model, images, batch_size, start, stop):
                    parts.append(part)
                    bar.update(len(part))
            except Exception as error:
                where = _name(k, shard_size, count)
                raise RuntimeError(f"{who} failed at {where}: {error}") from error
            _write(_path(folder, k), torch.cat(parts), facts | {"shard": str(k)})
            note.unlink()
    return mine


def read_spectra(folder: str | Path) -> Tensor:
    """The spectra that `write_spectra` left in a folder, `(N, C)`, in the order of the images.

    Raises:
        FileNotFoundError: the folder has no sound shard.
        ValueError: it has shards of different runs.
        RuntimeError: shards are missing or damaged; the message names them, and who began them.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("shard-*.safetensors"))
    numbers = [int(path.stem.removeprefix("shard-")) for path in paths]
    sound = {k: found for k in numbers if (found := _read(folder, k))}
    if not sound:
        raise FileNotFoundError(f"{folder} has no shard that can be read")
    facts = next(iter(sound.values()))[1]
    if {m["settings"] for _, m in sound.values()} != {facts["settings"]}:
        raise ValueError(f"{folder} has shards of different runs")
    count, size = int(facts["images"]), int(facts["shard_size"])
    shards = math.ceil(count / size)
    lost = []
    for k in set(range(shards)) - set(sound):
        note = _path(folder, k).with_suffix(".begun")
        begun = f", begun by {note.read_text()}" if note.is_file() else ""
        lost.append(_name(k, size, count) + begun)
    if lost:
        raise RuntimeError(
            f"{len(lost)} of {shards} shards in {folder} are missing or damaged: "
            f"{'; '.join(lost)}. Run the same command again: it computes only these."
        )
    return torch.cat([sound[k][0] for k in range(shards)])


def _call(spec: str) -> Any:
    """What `module:function:argument:…` returns; of a tuple, the first entry."""
    module, name, *arguments = spec.split(":")
    if module.startswith("torchvision"):
        load_torchvision()
    given = [int(a) if re.fullmatch(r"\d+", a) else a for a in arguments]
    found = getattr(import_module(module), name)(*given)
    return found[0] if isinstance(found, tuple) else found


def _peak(device: torch.device) -> str:
    """Peak memory of this process, in words; not measured where the system does not tell."""
    if device.type == "cuda":
        used = torch.cuda.max_memory_allocated(device) / 2**20
        return f"{used:.0f} MiB on {torch.cuda.get_device_name(device)}"
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+)", status.read_text() if status.exists() else "")
    return f"{int(found[1]) / 1024:.0f} MiB" if found else "not measured"


@record
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.at_scale",
        description="Spectra of G for every image of a dataset, in shards that survive a crash.",
    )
    called = "module:function:argument:…, called in every process; of a tuple the first is taken"
    parser.add_argument("--model", required=True, help=f"the classifier; {called}")
    parser.add_argument("--images", required=True, help="the images, in the same way")
    parser.add_argument("--folder", required=True, help="where the shards are, or will be")
    parser.add_argument("--shard-size", type=int, default=1000, help="images a file (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=250, help="at a time (%(default)s)")
    parser.add_argument("--device", default="cpu", help='"cpu" (default) or "cuda"')
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    given = parser.parse_args()

    device = torch.device(given.device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
        torch.backends.cudnn.allow_tf32 = False  # it keeps three digits of a product
    rank, world = 0, 1
    if "RANK" in os.environ:  # set by torchrun
        store, rank, world = next(rendezvous("env://"))
        # After a restart the store still has the addresses of the processes that are gone.
        store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=world)
    torch.manual_seed(0)  # a network with random weights is the same in every process
    model, images = _call(given.model).eval(), _call(given.images)
    began = time.perf_counter()
    written = write_spectra(
        model,
        images,
        given.folder,
        shard_size=given.shard_size,
        batch_size=given.batch_size,
        device=device,
        dtype=getattr(torch, given.dtype),
    )
    seconds = time.perf_counter() - began
    done = _images_in(written, given.shard_size, len(images))
    # In one piece each, so that lines of several processes do not mix.
    sys.stdout.write(f"rank {rank} of {world}: wrote shards {written}, {done} images\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"rank {rank} of {world}: {seconds:.1f} s, {done / seconds:.1f} images a second, "
        f"peak memory {_peak(device)}\n"
    )
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
