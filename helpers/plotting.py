"""The style of the course's figures, and figures that more than one chapter draws."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image
from torch import Tensor

# A PNG keeps all its colours if a palette would change them by more, on average over the pixels
# and channels (40 dB): lines and maps of one scale are far below it, photos are above. So are
# pictures of more shades than this; for them the palette is not even sought, as that takes seconds.
_MEAN_SQUARE = 255**2 / 10**4
_SHADES = 2**15

# Shows the frame of the slider's value and says its label, to the eye and to a screen reader.
_SHOW_FRAME = (
    "const f=this.closest('figure'),g=f.querySelectorAll('img'),n=+this.value;"
    "g.forEach((e,i)=>{e.hidden=i!==n});"
    "const t=g[n].dataset.label;f.querySelector('output').textContent=t;"
    "this.setAttribute('aria-valuetext',t)"
)


def _light(png: bytes, colours: int) -> bytes:
    """A PNG picture in a palette, a third of the size; one that needs all its colours keeps them.

    Each colour of the palette is one of the picture, and the next is always the one that is
    furthest from those before, counted by the square root of its pixels. So white and lines keep
    their colours exactly, a picture of no more colours than the palette keeps every pixel, and
    it is shades along the edges of letters and lines that the nearest colour replaces.
    """
    picture = Image.open(io.BytesIO(png))
    if picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        return png
    image = picture.convert("RGB")
    codes = np.asarray(image, dtype=np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    shades, index, pixels = np.unique(codes, return_inverse=True, return_counts=True)
    values = np.stack([shades >> 16, shades >> 8 & 255, shades & 255], axis=1).astype(np.float32)
    distances = np.full(len(shades), np.inf)
    nearest = np.zeros(len(shades), dtype=int)
    new = int(pixels.argmax())
    for _ in range(min(colours, len(shades)) if len(shades) <= _SHADES else 0):
        from_new = ((values - values[new]) ** 2).sum(1)
        closer = from_new < distances
        distances[closer], nearest[closer] = from_new[closer], new
        new = int((np.sqrt(pixels) * distances).argmax())
    if (pixels * distances).sum() <= _MEAN_SQUARE * 3 * pixels.sum():
        chosen, place = np.unique(nearest, return_inverse=True)
        image = Image.fromarray(place.astype(np.uint8)[index].reshape(codes.shape))
        image.putpalette(values[chosen].astype(np.uint8).tobytes())
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True, dpi=picture.info.get("dpi"))
    return target.getvalue()


def _holds_images(figure: Figure) -> bool:
    return any(axis.images for axis in figure.axes)


def _png(figure: Figure) -> str:
    """A figure as PNG in base64: in 64 colours beside a drawing, in 256 if it holds images."""
    picture: bytes = print_figure(figure, "png", pil_kwargs={"compress_level": 1})
    return base64.b64encode(_light(picture, 256 if _holds_images(figure) else 64)).decode()


def _svg(figure: Figure) -> str | None:
    """A figure of lines as SVG, the same text for the same figure; None if it holds images."""
    if _holds_images(figure):
        return None
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    drawing: str = print_figure(figure, "svg", metadata=nothing)
    return drawing.replace("\n", " ")  # one line in the notebook's file, as the PNG is


def use_style() -> None:
    """Draw in the course's style and, in Jupyter, store figures without images as SVG too.

    A page shows the SVG, which is sharp at every size and light. The PNG stays beside it, because
    JupyterLab shows no SVG in a notebook that it does not trust yet; it has a palette of few
    colours, so that notebooks stay small. Source: the style is in
    `course.mplstyle`, which `plt.style.use("helpers.course")` reads as well.
    """
    plt.style.use("helpers.course")
    if shell := get_ipython():
        plt.switch_backend(plt.get_backend())  # Jupyter's sets its own formats when it is loaded
        formatters = shell.display_formatter.formatters
        formatters["image/svg+xml"].for_type(Figure, _svg)
        formatters["image/png"].for_type(Figure, _png)


def image_strip(
    images: Tensor,
    captions: Sequence[str] | None = None,
    columns: int = 10,
    limit: float | None = None,
    fontsize: float | None = None,
) -> Figure:
    """Images in rows, each with its numbers under the frame.

    Args:
        images: `(N, 1, H, W)` grey or `(N, 3, H, W)` colour. Pixels are drawn from 0 (black) to 1
            (white), unless `limit` is given.
        captions: N short texts, drawn under the frames.
        columns: frames in a row.
        limit: draw grey images as signed fields from −limit (blue) over 0 (white) to limit (red).
        fontsize: of the captions, in points; None: 12, or less where there are many columns.

    Raises:
        ValueError: numbers of images and captions that differ.
    """
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"got {len(images)} images and {len(captions)} captions")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = 0 if captions is None else max(c.count("\n") + 1 for c in captions)
    figure, axes = plt.subplots(
        rows, columns, figsize=(8, rows * (8 / columns + 0.24 * lines)), squeeze=False
    )
    look = (
        {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        if limit
        else {"cmap": "gray", "vmin": 0, "vmax": 1}
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for k, (axis, image) in enumerate(zip(axes.flat, images.detach().float().cpu(), strict=False)):
        axis.imshow(image.permute(1, 2, 0).squeeze(-1).numpy(), **look)
        if captions is not None:
            axis.text(
                0.5, -0.06, captions[k], transform=axis.transAxes, ha="center", va="top",
                fontsize=fontsize or min(12, 95 / columns),
            )  # fmt: skip
    return figure


def spectrum_plot(axis: Axes, eigenvalues: Tensor, label: str | None = None) -> None:
    """Median of the sorted eigenvalues over the batch, with the 10–90 % band, on a log scale.

    Args:
        axis: where to draw.
        eigenvalues: `(B, C)`, each row in descending order; zeros are left out.
        label: for the legend.
    """
    values = eigenvalues.detach().double().cpu().numpy()
    values = np.where(values > 0, values, np.nan)[:, (values > 0).any(0)]
    low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
    index = np.arange(1, values.shape[1] + 1)
    (line,) = axis.plot(index, middle, marker="o", label=label)
    axis.fill_between(index, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axis.set(yscale="log", xlabel="index of the eigenvalue", ylabel="eigenvalue")
    axis.set_xticks(index)


def scrubber(figures: Sequence[Figure], labels: Sequence[str], name: str, alt: str) -> HTML:
    """A row of figures with a slider, for a page without a kernel as well as for Jupyter.

    The figures are drawn once and closed. The slider works with the mouse, by touch and with the
    arrow keys; without scripts the first frame stays.

    Args:
        figures: the frames, of one size; it grows where words stand outside of a figure.
        labels: one a frame, said under the slider.
        name: what the slider changes, its accessible name.
        alt: what every frame shows; the label of the frame is added.

    Raises:
        ValueError: numbers of figures and labels that differ.
    """
    if len(figures) != len(labels):
        raise ValueError(f"got {len(figures)} figures and {len(labels)} labels")
    room = []
    for figure in figures:
        figure.draw_without_rendering()  # it has no layout before
        room += [figure.bbox_inches, figure.get_tightbbox().padded(0.05)]
    around = Bbox.union(room)
    frames = []
    for k, (figure, label) in enumerate(zip(figures, labels, strict=True)):
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=110, bbox_inches=around, pil_kwargs={"compress_level": 1})
        plt.close(figure)
        source = base64.b64encode(_light(buffer.getvalue(), 256)).decode()
        frames.append(
            f'<img src="data:image/png;base64,{source}" alt="{escape(alt)} Frame: {escape(label)}" '
            f'data-label="{escape(label)}"{" hidden" if k else ""}>'
        )
    first = escape(labels[0])
    return HTML(
        f'<figure class="scrubber">{"".join(frames)}<div><label>{escape(name)} '
        f'<input type="range" min="0" max="{len(frames) - 1}" value="0" '
        f'aria-valuetext="{first}" oninput="{_SHOW_FRAME}"></label> '
        f"<output>{first}</output></div></figure>"
    )
