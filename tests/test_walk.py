"""The walk in the page: it computes what torch computes, and everybody can use it.

The JavaScript of `assets/walk` runs in the Chromium that is installed on the machine.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page
from test_site import browser, serve  # noqa: F401  (the fixture is used by its name)

from helpers import information as info
from helpers import navigation as nav
from helpers.browser import WALK_FOLDER, export_network
from helpers.data import load_mnist
from helpers.foliation import leaf_basis
from helpers.models import MLP, SmallCNN, load_checkpoint

IMAGES = 50
STEPS = 50
SETUP = """async ([images, targets, name]) => {
  const [{ Network }, walks, linalg] = await Promise.all(
    ["network", "walk", "linalg"].map((part) => import(`/${part}.js`)));
  const fetched = await Promise.all([fetch(`/data/${name}.json`), fetch(`/data/${name}.bin`)]);
  const net = new Network(await fetched[0].json(), await fetched[1].arrayBuffer());
  const points = (rows) => rows.map((row) => Float64Array.from(row));
  Object.assign(window, { net, walks, linalg, images: points(images), targets: points(targets) });
}"""


@pytest.fixture(scope="module")
def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 50 test digits and 50 others to walk to, in float64."""
    x = load_mnist("test", 2 * IMAGES)[0].double()
    return x[:IMAGES], x[IMAGES:]


@pytest.fixture(scope="module")
def model() -> torch.nn.Sequential:
    """Return the network that the page has, in float64."""
    return load_checkpoint("400-steps", 0)[0].double()


@pytest.fixture(scope="module")
def page(browser: Browser, pairs: tuple[torch.Tensor, ...]) -> Iterator[Page]:  # noqa: F811
    """Open an empty page with the modules, the network and the images in it."""
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(serve(WALK_FOLDER) + "data/digits.json")
        opened.evaluate(SETUP, [*(x.flatten(1).tolist() for x in pairs), "network"])
        yield opened


def tensor(page: Page, expression: str) -> torch.Tensor:
    """Evaluate an expression of nested arrays of numbers in the page."""
    plain = "(a) => (a.length === undefined ? a : Array.from(a, plain))"
    found = page.evaluate(f"() => {{ const plain = {plain}; return plain({expression}); }}")
    return torch.tensor(found, dtype=torch.float64)


def test_logits_and_jacobian_are_those_of_torch(page, model, pairs) -> None:
    logits, jacobian = info.logit_jacobian(model, pairs[0])
    assert torch.allclose(tensor(page, "images.map((x) => net.logits(x))"), logits, atol=1e-5)
    found = tensor(page, "images.map((x) => net.jacobian(x).rows)")
    assert torch.allclose(found, jacobian, rtol=0, atol=1e-9 * jacobian.abs().max())


def test_spectrum_is_that_of_torch(page, model, pairs) -> None:
    expected = info.data_spectrum(model, pairs[0])[:, :9]
    found = tensor(page, "images.map((x) => walks.look(net, x).eigenvalues)")
    # Below 1e-11 of the largest, torch's own eigenvalues are round-off to four digits.
    sound = expected > 1e-11 * expected[:, :1]
    assert sound.double().mean() > 0.9
    assert ((found / expected - 1).abs()[sound] < 1e-4).all()
    assert ((found - expected).abs() <= 1e-4 * expected + 1e-14 * expected[:, :1]).all()


def test_projector_is_that_of_torch(page, model, pairs) -> None:
    basis, rank = leaf_basis(model, pairs[0])
    frame = tensor(page, "images.map((x) => walks.look(net, x).frame)")
    assert (rank == 9).all() and frame.shape == basis.shape
    assert torch.allclose(frame @ frame.mT, torch.eye(9, dtype=torch.float64), atol=1e-10)
    # ‖P − P'‖² = 2(9 − ‖QQ'ᵀ‖²) for two projectors of rank nine.
    assert ((basis @ frame.mT).square().sum((1, 2)) - 9).abs().max() < 1e-10


def test_eigenvectors_belong_to_the_eigenvalues(page, model, pairs) -> None:
    factor = info.score_factor(model, pairs[0])
    directions = tensor(page, "images.map((x) => walks.look(net, x).directions)")
    sizes = (factor @ directions.mT).square().sum(1)
    expected = info.spectrum(factor)[:, :9]
    assert ((sizes - expected).abs() <= 1e-6 * expected + 1e-13 * expected[:, :1]).all()


@pytest.mark.parametrize("mode", ["leaf", "fibre"])
def test_walks_end_where_those_of_torch_end(page, model, pairs, mode: str) -> None:
    start, target = pairs
    expected = nav.walk_leaf(
        model, start, target=target, step=0.2, n_steps=STEPS, stall=0.01, kernel=mode == "fibre"
    )
    page.evaluate(
        """([mode, steps]) => { window.done = images.map((start, i) => {
          const walk = new walks.Walk(net, { start, target: targets[i], mode, drift: Infinity });
          for (let k = 0; k < steps; k++) walk.advance();
          return walk;
        }); }""",
        [mode, STEPS],
    )
    ends = tensor(page, "done.map((walk) => walk.x)")
    assert (ends - expected.points[:, -1].flatten(1)).norm(dim=1).max() < 1e-3
    assert torch.allclose(tensor(page, "done.map((w) => w.steps)"), expected.steps.double())
    assert torch.allclose(tensor(page, "done.map((w) => w.arc)"), expected.arc_length[:, -1])
    frames = "done.map((w) => w.frame())"
    assert torch.allclose(tensor(page, f"{frames}.map((f) => f.distance)"), expected.distance[:, -1])
    assert torch.allclose(tensor(page, f"{frames}.map((f) => f.ratio)"), expected.ratio[:, -1], 1e-6)
    assert tensor(page, f"{frames}.map((f) => f.outside)").max() < 1e-12


@pytest.mark.parametrize(("mode", "kernel"), [("noise-leaf", False), ("noise-fibre", True)])
def test_noise_is_that_of_torch(page, model, pairs, mode: str, kernel: bool) -> None:
    start = pairs[0][:10]
    noise = tensor(page, "images.slice(0, 10).map((_, i) => linalg.gaussian(784, i))")
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    expected = nav.walk_leaf(
        model, start, direction=noise.view_as(start), step=0.2, n_steps=20, renormalise=True,
        kernel=kernel,
    )  # fmt: skip
    found = page.evaluate(
        """(mode) => images.slice(0, 10).map((start, seed) => {
          const walk = new walks.Walk(net, { start, target: targets[seed], mode, seed, drift: Infinity });
          for (let k = 0; k < 20; k++) walk.advance();
          return Array.from(walk.x);
        })""",
        mode,
    )
    ends = torch.tensor(found, dtype=torch.float64)
    assert (ends - expected.points[:, -1].flatten(1)).norm(dim=1).max() < 1e-3


def test_the_published_rule_does_what_chapter_7_says(page, model, pairs) -> None:
    """It is chaotic in its round-off, so its behaviour is compared, not its points."""
    found = page.evaluate(
        """() => images.slice(0, 12).map((start, i) => ["published", "exact"].map((rule) => {
          const walk = new walks.Walk(net, { start, target: targets[i], rule, step: 0.4 });
          for (let k = 0; k < 80; k++) walk.advance();
          const { distance, outside } = walk.frame();
          return [distance, outside, Number(walk.reason === "stalled")];
        }))"""
    )
    published, exact = torch.tensor(found).unbind(1)
    assert (published[:, 0] < exact[:, 0]).sum() >= 10
    assert (published[:, 1] > 0.05).all() and (exact[:, 1] < 1e-12).all()
    assert published[:, 2].sum() == 0
    x, y = (side[:12] for side in pairs)
    helper = nav.walk_leaf(
        model.float(), x.float(), target=y.float(), step=0.4, n_steps=80, rule="published"
    )
    model.double()
    ratio = published[:, 0].double() / helper.distance[:, -1]
    assert ratio.median().sub(1).abs() < 0.15


@pytest.mark.parametrize(
    ("made", "shape"), [(lambda: MLP((12, 7, 5)), (3, 2, 2)), (SmallCNN, (3, 32, 32))]
)
def test_any_small_network_can_be_exported(browser, tmp_path: Path, made, shape) -> None:  # noqa: F811
    torch.manual_seed(0)
    net = made().eval()
    for file in WALK_FOLDER.glob("*.js"):
        (tmp_path / file.name).symlink_to(file)
    export_network(net, shape, tmp_path / "data", "small")
    x = torch.randn(3, *shape, dtype=torch.float64)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(serve(tmp_path) + "data/small.json")
        page.evaluate(SETUP, [x.flatten(1).tolist(), [], "small"])
        logits, jacobian = info.logit_jacobian(net.double(), x)
        assert torch.allclose(tensor(page, "images.map((x) => net.logits(x))"), logits, atol=1e-5)
        found = tensor(page, "images.map((x) => net.jacobian(x).rows)")
        assert torch.allclose(found, jacobian, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "layer",
    [torch.nn.MaxPool2d(2), torch.nn.Conv2d(2, 2, 3, groups=2), torch.nn.AvgPool2d(3, 2)],
)
def test_a_layer_that_the_page_does_not_know_is_refused(tmp_path: Path, layer) -> None:
    with pytest.raises(ValueError, match="export|windows"):
        export_network(torch.nn.Sequential(layer), (2, 8, 8), tmp_path, "x")


def test_the_exported_files_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    export_network(load_checkpoint("400-steps", 0)[0], (1, 28, 28), tmp_path, "network")
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (WALK_FOLDER / "data" / file.name).read_bytes()
    about = json.loads((WALK_FOLDER / "data" / "digits.json").read_text())
    images, labels = load_mnist("test", 200)
    pixels = torch.frombuffer(bytearray((WALK_FOLDER / "data" / "digits.bin").read_bytes()), dtype=torch.uint8)
    assert labels[about["indices"]].tolist() == about["labels"]
    assert torch.equal(pixels.view(-1, 1, 28, 28) / 255, images[about["indices"]])
