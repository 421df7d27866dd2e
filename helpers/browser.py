"""Networks and walks for the reader's browser.

`assets/walk` holds JavaScript that computes logits, Jacobians, the distribution D and walks from
exported weights, without a kernel. `export_network` writes these, for any small network of the
layers below; `leaf_walk` shows the component of the page in Jupyter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from helpers import tokens

WALK_FOLDER = Path(__file__).parents[1] / "assets" / "walk"
FORMAT = "course-network-1"


def _pair(value: Any, what: str) -> int:
    """The one number of a setting that may be given for height and width."""
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) != 1 or isinstance(value, str):
        raise ValueError(f"{what} must be one number for height and width, got {value!r}")
    return int(values.pop())


def _describe(layer: nn.Module) -> dict[str, Any]:
    """The entry of a layer in the manifest."""
    kind = type(layer).__name__
    entry: dict[str, Any] = {"type": kind}
    if isinstance(layer, nn.Linear):
        entry["out"] = layer.out_features
    elif isinstance(layer, nn.Conv2d):
        if layer.groups != 1 or _pair(layer.dilation, "dilation") != 1:
            raise ValueError("a convolution with groups or dilation cannot be exported")
        entry |= {
            "out": layer.out_channels,
            "kernel": _pair(layer.kernel_size, "kernel_size"),
            "stride": _pair(layer.stride, "stride"),
            "padding": _pair(layer.padding, "padding"),
        }
    elif isinstance(layer, nn.AvgPool2d):
        entry["kernel"] = _pair(layer.kernel_size, "kernel_size")
        if _pair(layer.stride, "stride") != entry["kernel"] or _pair(layer.padding, "padding"):
            raise ValueError("the windows of a pooling must not overlap and have no padding")
    elif not isinstance(layer, nn.ReLU | nn.Flatten):
        raise ValueError(f"a layer {kind} cannot be exported")
    return entry


def export_network(
    model: nn.Sequential, input_shape: tuple[int, ...], folder: Path, name: str
) -> None:
    """Write a network for the browser: `<name>.json`, its layers, and `<name>.bin`, its weights.

    The weights are 32-bit floats, little-endian, in the order of the layers, in a layer first the
    matrix and then the bias. `assets/walk/network.js` reads them.

    Args:
        model: a sequence of Linear, Conv2d, AvgPool2d, ReLU and Flatten.
        input_shape: (channels, height, width) of one input.
        folder: where to write.
        name: of the two files.

    Raises:
        ValueError: a layer, or a setting of one, that the browser's side does not know.
    """
    layers = [_describe(layer) for layer in model]
    pieces = []
    for layer in model:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias
            pieces += [layer.weight.flatten(), bias]
    weights = torch.cat([torch.zeros(0), *[w.detach().cpu().float() for w in pieces]]).numpy()
    manifest = {"format": FORMAT, "name": name, "input": list(input_shape), "layers": layers}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(manifest) + "\n")
    (folder / f"{name}.bin").write_bytes(weights.astype("<f4").tobytes())


def leaf_walk(data: Path = WALK_FOLDER / "data", form: str = "full") -> Any:
    """The walk of the landing page as a Jupyter widget, with the same code.

    Args:
        data: folder with `network.json`, `network.bin`, `digits.json` and `digits.bin`; see
            `export_network` and `scripts/export_walk.py`.
        form: "full" or "compact".

    Returns:
        An `anywidget.AnyWidget`; show it by making it the last line of a cell.

    Raises:
        ModuleNotFoundError: anywidget is not installed (`pip install anywidget`).
    """
    import anywidget  # only this function needs it
    import traitlets

    class LeafWalk(anywidget.AnyWidget):
        _esm = _single_module()
        _css = tokens.css(".lw", 'body[data-jp-theme-light="false"] .lw', None) + (
            WALK_FOLDER / "walk.css"
        ).read_text(encoding="utf-8")
        form = traitlets.Unicode().tag(sync=True)
        network = traitlets.Dict().tag(sync=True)
        weights = traitlets.Bytes().tag(sync=True)
        digits = traitlets.Dict().tag(sync=True)
        pixels = traitlets.Bytes().tag(sync=True)

    return LeafWalk(
        form=form,
        network=json.loads((data / "network.json").read_text()),
        weights=(data / "network.bin").read_bytes(),
        digits=json.loads((data / "digits.json").read_text()),
        pixels=(data / "digits.bin").read_bytes(),
    )


# Each imports earlier ones only.
MODULES = ("linalg", "network", "walk", "worker", "dom", "charts", "pad", "view")


def _single_module() -> str:
    """The modules of the page as one, which gives each an address of its own when it is loaded.

    A widget's code has no address that its parts could be fetched from.
    """
    texts = {n: (WALK_FOLDER / f"{n}.js").read_text(encoding="utf-8") for n in MODULES}
    return f"""const texts = {json.dumps(texts)};
const addresses = {{}};
for (const [name, text] of Object.entries(texts)) {{
  const linked = text.replace(
    /from "\\.\\/(\\w+)\\.js"/g, (_, part) => `from "${{addresses[part]}}"`);
  addresses[name] = URL.createObjectURL(new Blob([linked], {{ type: "text/javascript" }}));
}}
const buffer = (view) =>
  view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
export default {{
  async render({{ model, el }}) {{
    const {{ mount }} = await import(addresses.view);
    const place = document.createElement("div");
    el.append(place);
    return mount(place, {{
      form: model.get("form"),
      manifest: model.get("network"),
      weights: buffer(model.get("weights")),
      digits: model.get("digits"),
      pixels: buffer(model.get("pixels")),
      worker: addresses.worker,
    }});
  }},
}};
"""


def to_bytes(images: torch.Tensor) -> bytes:
    """Images in [0, 1] as bytes, 0 to 255."""
    return (images * 255).round().to(torch.uint8).cpu().numpy().tobytes()
