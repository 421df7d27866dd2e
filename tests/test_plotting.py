"""What the figures show and say; how they look is checked by looking at the pages."""

import base64
import io
import re

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from helpers import plotting


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_style_is_found_in_the_package():
    with plt.style.context("helpers.course"):
        assert (
            plt.rcParams["figure.facecolor"] == "white" and plt.rcParams["figure.figsize"][0] == 8
        )


def test_figures_without_images_are_drawings():
    """The chapters show that Jupyter stores them; the drawing is the same every time."""
    plotting.use_style()
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    drawing = plotting._svg(figure)
    assert drawing == plotting._svg(figure)
    assert drawing.endswith("</svg> ") and "\n" not in drawing
    axis.imshow([[0, 1]])
    assert plotting._svg(figure) is None


def png(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def colours(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_a_picture_of_few_colours_keeps_every_pixel():
    pixels = np.random.default_rng(0).permutation(2**14) % 256
    grey = png(pixels.astype(np.uint8).repeat(3).reshape(128, 128, 3))
    light = plotting._light(grey, 256)
    assert Image.open(io.BytesIO(light)).mode == "P"
    assert (colours(light) == colours(grey)).all()
    assert len(light) < len(grey)


def test_a_picture_that_needs_its_colours_keeps_them():
    generator = np.random.default_rng(0)
    for size in (64, 256):  # the second has too many shades to look for a palette
        photo = png(generator.integers(0, 256, (size, size, 3), dtype=np.uint8))
        assert (colours(plotting._light(photo, 256)) == colours(photo)).all()
    clear = png(generator.integers(0, 256, (8, 8, 4), dtype=np.uint8))
    assert plotting._light(clear, 64) == clear


@pytest.mark.parametrize("scale", [False, True])
def test_a_figure_is_stored_in_a_palette(scale):
    """White and lines have their colours exactly, surfaces are off by what nobody sees."""
    figure, axis = plt.subplots(figsize=(4, 3), dpi=100)
    for k in range(6):
        axis.plot([0, k, 1], label=f"line {k}")
    axis.legend()
    if scale:
        figure.colorbar(axis.pcolormesh(np.arange(400.0).reshape(20, 20), rasterized=True))
    figure.draw_without_rendering()  # its layout moves a little when it is drawn again
    drawn = plotting.print_figure(figure, "png")
    stored = base64.b64decode(plotting._png(figure))
    used = Image.open(io.BytesIO(stored)).getcolors()
    assert len(used) == (256 if scale else 64) and len(stored) < len(drawn)
    assert base64.b64decode(plotting._png(figure)) == stored == plotting._light(stored, 256)
    before, after = colours(drawn).reshape(-1, 3), colours(stored).reshape(-1, 3)
    assert ((before.astype(int) - after) ** 2).mean() < plotting._MEAN_SQUARE
    shades, count = np.unique(before, axis=0, return_counts=True)
    for shade in shades[count > 200].astype(int):
        assert np.abs(after[(before == shade).all(1)] - shade).max() <= 3
    for colour in ["white", *(line.get_color() for line in axis.lines)]:
        exact = np.round(255 * np.array(matplotlib.colors.to_rgb(colour)))
        same = (before == exact).all(1)
        assert same.any() and (after[same] == exact).all()


def test_image_strip_shows_every_image_with_its_numbers():
    captions = [f"label {k}" for k in range(7)]
    figure = plotting.image_strip(torch.rand(7, 1, 5, 5), captions, columns=4)
    shown = [axis for axis in figure.axes if axis.images]
    assert len(figure.axes) == 8 and len(shown) == 7
    assert [axis.texts[0].get_text() for axis in shown] == captions
    assert shown[0].images[0].get_clim() == (0, 1)


def test_image_strip_in_colour_and_signed():
    colour = plotting.image_strip(torch.rand(2, 3, 5, 5))
    assert colour.axes[0].images[0].get_array().shape == (5, 5, 3)
    signed = plotting.image_strip(torch.randn(2, 1, 5, 5), limit=2.0)
    assert signed.axes[0].images[0].get_clim() == (-2, 2)
    with pytest.raises(ValueError, match="2 images and 1 captions"):
        plotting.image_strip(torch.rand(2, 1, 5, 5), ["one"])


def test_spectrum_plot_draws_the_median_and_leaves_out_zeros():
    values = torch.tensor([[4.0, 2.0, 0.0], [8.0, 1.0, 0.0], [6.0, 3.0, 0.0]])
    _, axis = plt.subplots()
    plotting.spectrum_plot(axis, values, "G")
    x, y = axis.lines[0].get_data()
    assert (list(x), list(y), axis.get_yscale()) == ([1, 2], [6, 2], "log")


def test_scrubber():
    figures = [plt.figure() for _ in range(3)]
    page = plotting.scrubber(figures, ["T = 1", "T < 2", "T = 3"], "Temperature", "Bars.").data
    assert plt.get_fignums() == []
    assert page.count("<img") == 3 and page.count(" hidden>") == 2
    assert re.findall(r'alt="(.*?)"', page)[1] == "Bars. Frame: T &lt; 2"
    assert 'max="2"' in page and page.count("<output>T = 1</output>") == 1
    assert "http" not in page
    with pytest.raises(ValueError, match="1 figures and 2 labels"):
        plotting.scrubber([plt.figure()], ["a", "b"], "x", "y")


def test_no_frame_of_a_scrubber_is_cut():
    """Words may stand outside of the figure, and then every frame has room for them."""
    figures = [plt.figure(figsize=(2, 2)) for _ in range(2)]
    figures[0].text(0.5, -1, "two inches below")
    page = plotting.scrubber(figures, ["a", "b"], "x", "y").data
    frames = [
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r"base64,([^\"]+)", page)
    ]
    assert all(frame.mode == "P" for frame in frames)
    assert frames[0].size == frames[1].size
    dark = np.asarray(frames[0].convert("L")) < 100
    assert dark.any() and not dark[[0, -1]].any() and not dark[:, [0, -1]].any()
