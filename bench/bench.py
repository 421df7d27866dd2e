"""Speed and memory of the spectra of G and F, against the plain definition and other libraries.

1,000 MNIST images, float32, two threads, the course's LeNet after 100 steps (later p saturates, and
nngeometry answers NaN). Each row runs in a process of its own, those under a second in two rounds,
so that a busy minute does not fall on one row only; time is the fastest run, as timeit advises.
Memory is the highest resident size above what the process held after a first call with three
images, which loads the code. `make bench` writes results.json.
"""

import argparse
import copy
import json
import platform
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from math import nan
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers._torchvision import load_torchvision
from helpers.data import load_mnist
from helpers.information import data_spectrum, fisher_spectrum, spectrum
from helpers.models import load_checkpoint

RESULTS = Path(__file__).with_name("results.json")
THREADS, ROUNDS = 2, 2


def covariance_root(logits: Tensor) -> Tensor:
    """L `(B, C, C)` with LLᵀ = diag p − ppᵀ, for methods that give the plain Jacobian."""
    p = logits.softmax(1)
    return torch.diag_embed(p.sqrt()) - p[:, :, None] * p.sqrt()[:, None]


def g_naive(model: nn.Module, x: Tensor) -> Tensor:
    """One autograd.grad a class and image, the n × n matrix, and its eigenvalues."""
    spectra = []
    for image in x:
        image = image[None].requires_grad_()
        log_p = model(image).log_softmax(1)[0]
        total = torch.zeros(image.numel(), image.numel())
        for value in log_p:
            score = torch.autograd.grad(value, image, retain_graph=True)[0].flatten()
            total += value.exp().detach() * torch.outer(score, score)
        spectra.append(torch.linalg.eigvalsh(total).flip(-1)[: len(log_p)])
    return torch.stack(spectra)


def g_autograd(model: nn.Module, x: Tensor, chunk: int, batched: bool, last: bool) -> Tensor:
    """C − 1 cotangents on the logits: each class but the last against the last."""
    layout = torch.channels_last if last else torch.contiguous_format
    model, spectra = copy.deepcopy(model), []
    model.to(memory_format=layout)  # type: ignore[call-overload]  # its types lack it
    for block in x.split(chunk):
        block = block.to(memory_format=layout).detach().requires_grad_()
        logits = model(block)
        rows = torch.eye(logits.shape[1])[:-1] - torch.eye(logits.shape[1])[-1]
        cotangents = rows[:, None].expand(-1, len(block), -1)
        if batched:
            (j,) = torch.autograd.grad(logits, block, cotangents, is_grads_batched=True)
        else:
            j = torch.stack(
                [torch.autograd.grad(logits, block, c, retain_graph=True)[0] for c in cotangents]
            )
        j = j.flatten(2).transpose(0, 1).double()
        root = covariance_root(logits.detach().double())[:, :-1]
        spectra.append(torch.linalg.eigvalsh(root.mT @ (j @ j.mT) @ root).flip(-1))
    return torch.cat(spectra)


def g_captum(model: nn.Module, x: Tensor) -> Tensor:
    from captum.attr import Saliency

    saliency, logits = Saliency(model), model(x).detach()
    rows = [saliency.attribute(x, target=c, abs=False).flatten(1) for c in range(logits.shape[1])]
    return spectrum(covariance_root(logits).mT @ torch.stack(rows, 1))


def sqrt_ggn(model: nn.Module, x: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    """BackPACK's SqrtGGNExact: AAᵀ of each example, summed over the parameters."""
    from backpack import backpack, extend
    from backpack.extensions import SqrtGGNExact
    from backpack.extensions.secondorder.sqrt_ggn.flatten import SqrtGGNFlatten

    extension = SqrtGGNExact()
    extension.set_module_extension(nn.Unflatten, SqrtGGNFlatten())  # for `shifted`
    model, loss = extend(model), extend(nn.CrossEntropyLoss(reduction="sum"))
    grams = []
    for block in x.split(250):
        with backpack(extension):
            loss(model(block), torch.zeros(len(block), dtype=torch.long)).backward()
        gram = torch.zeros(())
        for parameter in parameters:
            factor = vars(parameter).pop("sqrt_ggn_exact").flatten(2).transpose(0, 1)
            gram = gram + (factor @ factor.mT).double()
            parameter.grad = None
        grams.append(gram)
    return torch.linalg.eigvalsh(torch.cat(grams)).flip(-1)


def shifted(model: nn.Module, x: Tensor, front: nn.Module) -> nn.Sequential:
    """The network behind an identity layer whose bias stands for the input.

    The libraries know derivatives in parameters only; per example, that in the bias is that in x.
    """
    model = copy.deepcopy(model).requires_grad_(False)
    assert isinstance(model, nn.Sequential)
    return nn.Sequential(nn.Flatten(), front, nn.Unflatten(1, x.shape[1:]), *model).eval()


def g_backpack(model: nn.Module, x: Tensor) -> Tensor:
    n = x[0].numel()
    front = nn.Linear(n, n)
    front.weight = nn.Parameter(torch.eye(n), requires_grad=False)
    front.bias = nn.Parameter(torch.zeros(n))
    return sqrt_ggn(shifted(model, x, front), x, [front.bias])


def f_backpack(model: nn.Module, x: Tensor) -> Tensor:
    model = copy.deepcopy(model)
    return sqrt_ggn(model, x, list(model.parameters()))


def low_rank(model: nn.Module, x: Tensor, layers: object, first: int = 0) -> Tensor:
    """nngeometry's exact Fisher in the low-rank representation, from parameter `first` on."""
    from nngeometry.metrics import FIM
    from nngeometry.object import PMatLowRank
    from torch.utils.data import DataLoader, TensorDataset

    grams = []
    for block in x.split(250):
        labels = torch.zeros(len(block), dtype=torch.long)
        loader = DataLoader(TensorDataset(block, labels), batch_size=50)
        matrix = FIM(model, loader, PMatLowRank, layer_collection=layers)
        factor = matrix.data.transpose(0, 1)[:, :, first:] * len(block) ** 0.5
        grams.append((factor @ factor.mT).double())
    return torch.linalg.eigvalsh(torch.cat(grams)).flip(-1)


def g_nngeometry(model: nn.Module, x: Tensor) -> Tensor:
    from nngeometry.layercollection import LayerCollection
    from nngeometry.layers import Affine1d

    front, n = Affine1d(x[0].numel()), x[0].numel()
    model, layers = shifted(model, x, front), LayerCollection()
    layers.add_layer_from_model(model, front)
    return low_rank(model, x, layers, first=n)  # the scale comes before the bias


def f_nngeometry(model: nn.Module, x: Tensor) -> Tensor:
    from nngeometry.layercollection import LayerCollection

    return low_rank(model, x, LayerCollection.from_model(model))


def f_laplace(model: nn.Module, x: Tensor) -> Tensor:
    load_torchvision()  # laplace-torch imports it
    from laplace.curvature import AsdlGGN

    model = copy.deepcopy(model)
    model.output_size = model(x[:1]).shape[1]
    backend, spectra = AsdlGGN(model, "classification"), []
    for block in x.split(50):
        jacobian, logits = backend.jacobians(block)
        spectra.append(spectrum(covariance_root(logits.detach()).mT @ jacobian.detach()))
    return torch.cat(spectra)


ROWS = {
    "G, definition: autograd.grad a class and image, eigh of n × n": (g_naive, 1),
    "G, helpers.information.data_spectrum": (data_spectrum, 5),
    "G, autograd, batched, channels_last, blocks of 50": (
        lambda m, x: g_autograd(m, x, 50, True, True), 5),
    "G, autograd, batched, blocks of 50": (lambda m, x: g_autograd(m, x, 50, True, False), 5),
    "G, autograd, class by class, channels_last, blocks of 250": (
        lambda m, x: g_autograd(m, x, 250, False, True), 5),
    "G, autograd, class by class, blocks of 250": (
        lambda m, x: g_autograd(m, x, 250, False, False), 5),
    "G, captum Saliency": (g_captum, 3),
    "G, BackPACK SqrtGGNExact": (g_backpack, 3),
    "G, nngeometry PMatLowRank": (g_nngeometry, 5),
    "F, helpers.information.fisher_spectrum": (fisher_spectrum, 3),
    "F, BackPACK SqrtGGNExact": (f_backpack, 2),
    "F, nngeometry PMatLowRank": (f_nngeometry, 2),
    "F, laplace-torch AsdlGGN": (f_laplace, 2),
}  # fmt: skip


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(name: str) -> dict:
    """Run one row in this process, and compare its answer with the helper's."""
    function, repeats = ROWS[name]
    torch.set_num_threads(THREADS)
    x, _ = load_mnist("test", 1000)
    model, _ = load_checkpoint("100-steps", 0)
    function(model, x[:3])
    before, peak, running = resident(), 0, True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, resident())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = function(model, x)
        seconds.append(time.perf_counter() - start)
    running = False
    watcher.join()
    reference = (data_spectrum if name.startswith("G") else fisher_spectrum)(model, x)
    error = ((found[:, :5] - reference[:, :5]).abs() / reference[:, :1]).max().item()
    return {
        "method": name,
        "seconds": round(min(seconds), 4),
        "peak_mib": round((peak - before) / 2**20, 1),
        "largest_difference": float(f"{error:.1e}"),
    }


def report(rows: dict[str, dict]) -> None:
    """Write what is measured so far, so that an interrupted run leaves its rows."""

    def fastest(*starts: str) -> float:
        return min((r["seconds"] for n, r in rows.items() if n.startswith(starts)), default=nan)

    ratios = {
        "G: definition / helper": fastest("G, definition") / fastest("G, helpers"),
        "G: helper / best autograd": fastest("G, helpers") / fastest("G, autograd"),
        "G: best library / helper": fastest("G, c", "G, B", "G, n") / fastest("G, helpers"),
        "F: best library / helper": fastest("F, B", "F, n", "F, l") / fastest("F, helpers"),
    }
    packages = ["torch", "numpy", "backpack-for-pytorch", "captum", "laplace-torch", "nngeometry"]
    result = {
        "setting": "1,000 MNIST test images, LeNet after 100 steps (61,706 weights), float32",
        "threads": THREADS,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "rows": list(rows.values()),
        "ratios": {name: round(value, 2) for name, value in ratios.items() if value == value},
    }
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    rows: dict[str, dict] = {}
    for _ in range(ROUNDS):
        for name in ROWS:
            if name in rows and rows[name]["seconds"] > 1:
                continue  # slow rows say enough in one round
            command = [sys.executable, "-W", "ignore", __file__, "--row", name]
            row = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
            best = rows.setdefault(name, row)
            best["seconds"] = min(best["seconds"], row["seconds"])
            best["peak_mib"] = max(best["peak_mib"], row["peak_mib"])
            print(f"{row['seconds']:9.3f} s {row['peak_mib']:8.1f} MiB  {name}", flush=True)
            report(rows)
    print(json.dumps(json.loads(RESULTS.read_text())["ratios"], indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row")
    row = parser.parse_args().row
    if row:
        print(json.dumps(measure(row)))
    else:
        main()
