"""The walk in the page: it computes what torch computes, and everybody can use it.

The JavaScript of `assets/walk` runs in the Chromium that is installed on the machine.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import matplotlib.pyplot as plt
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from serve import ROOT
from web import axe_faults, layout_faults, serve, settle, visit

from helpers import information as info
from helpers import navigation as nav
from helpers.browser import WALK_FOLDER, export_network, leaf_walk
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
def page(browser: Browser, pairs: tuple[torch.Tensor, ...]) -> Iterator[Page]:
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
    found = tensor(page, "images.map((x) => net.logits(x))")
    print(f"logits within {(found - logits).abs().max():.0e}")
    assert torch.allclose(found, logits, rtol=0, atol=1e-5)
    found = tensor(page, "images.map((x) => net.jacobian(x).rows)")
    print(f"Jacobian within {(found - jacobian).abs().max():.0e}")
    assert torch.allclose(found, jacobian, rtol=0, atol=1e-9 * jacobian.abs().max())


def test_spectrum_is_that_of_torch(page, model, pairs) -> None:
    expected = info.data_spectrum(model, pairs[0])[:, :9]
    found = tensor(page, "images.map((x) => walks.look(net, x).eigenvalues)")
    # Below 1e-11 of the largest, torch's own eigenvalues are round-off to four digits.
    sound = expected > 1e-11 * expected[:, :1]
    print(f"spectrum within {(found / expected - 1).abs()[sound].max():.0e}, relative")
    assert sound.double().mean() > 0.9
    assert ((found / expected - 1).abs()[sound] < 1e-4).all()
    assert ((found - expected).abs() <= 1e-4 * expected + 1e-14 * expected[:, :1]).all()


def test_projector_is_that_of_torch(page, model, pairs) -> None:
    basis, rank = leaf_basis(model, pairs[0])
    frame = tensor(page, "images.map((x) => walks.look(net, x).frame)")
    assert (rank == 9).all() and frame.shape == basis.shape
    assert torch.allclose(frame @ frame.mT, torch.eye(9, dtype=torch.float64), atol=1e-10)
    # ‖P − P'‖² = 2(9 − ‖QQ'ᵀ‖²) for two projectors of rank nine.
    gap = ((basis @ frame.mT).square().sum((1, 2)) - 9).abs().max()
    print(f"projector: ‖P − P'‖² below {2 * gap:.0e}")
    assert gap < 1e-10


def test_eigenvectors_belong_to_the_eigenvalues(page, model, pairs) -> None:
    factor = info.score_factor(model, pairs[0])
    directions = tensor(page, "images.map((x) => walks.look(net, x).directions)")
    sizes = (factor @ directions.mT).square().sum(1)
    expected = info.spectrum(factor)[:, :9]
    assert ((sizes - expected).abs() <= 1e-6 * expected + 1e-13 * expected[:, :1]).all()


@pytest.mark.parametrize("mode", ["leaf", "fibre"])
def test_walks_end_where_those_of_torch_end(page, model, pairs, mode: str) -> None:
    count = IMAGES if mode == "leaf" else 10
    start, target = (side[:count] for side in pairs)
    expected = nav.walk_leaf(
        model, start, target=target, step=0.2, n_steps=STEPS, stall=0.01, kernel=mode == "fibre"
    )
    page.evaluate(
        """([mode, steps, count]) => { window.done = images.slice(0, count).map((start, i) => {
          const walk = new walks.Walk(net, { start, target: targets[i], mode, drift: Infinity });
          for (let k = 0; k < steps; k++) walk.advance();
          return walk;
        }); }""",
        [mode, STEPS, count],
    )
    ends = tensor(page, "done.map((walk) => walk.x)")
    far = (ends - expected.points[:, -1].flatten(1)).norm(dim=1).max()
    print(f"{mode}: ends of {count} walks of {STEPS} steps within {far:.0e}")
    assert far < 1e-3
    assert torch.allclose(tensor(page, "done.map((w) => w.steps)"), expected.steps.double())
    assert torch.allclose(tensor(page, "done.map((w) => w.arc)"), expected.arc_length[:, -1])
    frames = "done.map((w) => w.frame())"
    assert torch.allclose(
        tensor(page, f"{frames}.map((f) => f.distance)"), expected.distance[:, -1]
    )
    assert torch.allclose(
        tensor(page, f"{frames}.map((f) => f.ratio)"), expected.ratio[:, -1], 1e-6
    )
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
          const walk = new walks.Walk(net, { start, target: targets[seed], mode, seed,
            drift: Infinity });
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
        """() => images.slice(0, 8).map((start, i) => ["published", "exact"].map((rule) => {
          const walk = new walks.Walk(net, { start, target: targets[i], rule, step: 0.4 });
          for (let k = 0; k < 80; k++) walk.advance();
          const { distance, outside } = walk.frame();
          return [distance, outside, Number(walk.reason === "stalled")];
        }))"""
    )
    published, exact = torch.tensor(found).unbind(1)
    assert (published[:, 0] < exact[:, 0]).sum() >= 7
    assert (published[:, 1] > 0.05).all() and (exact[:, 1] < 1e-12).all()
    assert published[:, 2].sum() == 0
    x, y = (side[:8] for side in pairs)
    helper = nav.walk_leaf(
        model.float(), x.float(), target=y.float(), step=0.4, n_steps=80, rule="published"
    )
    model.double()
    ratio = published[:, 0].double() / helper.distance[:, -1]
    assert ratio.median().sub(1).abs() < 0.15


@pytest.mark.parametrize(
    ("made", "shape"), [(lambda: MLP((12, 7, 5)), (3, 2, 2)), (SmallCNN, (3, 32, 32))]
)
def test_any_small_network_can_be_exported(browser, tmp_path: Path, made, shape) -> None:
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
    with pytest.raises(ValueError, match=r"export|windows"):
        export_network(torch.nn.Sequential(layer), (2, 8, 8), tmp_path, "x")


def test_the_exported_files_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    export_network(load_checkpoint("400-steps", 0)[0], (1, 28, 28), tmp_path, "network")
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (WALK_FOLDER / "data" / file.name).read_bytes()
    about = json.loads((WALK_FOLDER / "data" / "digits.json").read_text())
    images, labels = load_mnist("test", 200)
    pixels = torch.frombuffer(
        bytearray((WALK_FOLDER / "data" / "digits.bin").read_bytes()), dtype=torch.uint8
    )
    assert labels[about["indices"]].tolist() == about["labels"]
    assert torch.equal(pixels.view(-1, 1, 28, 28) / 255, images[about["indices"]])


# ---- the component in the built site --------------------------------------------------------

FULL, COMPACT = "book/walk.html", "book/index.html"


@contextmanager
def opened(browser: Browser, site: Path, name: str, **options: object) -> Iterator[Page]:
    """Open a page of the site with its walk ready; nothing may fail, nor ask another host."""
    base = serve(site)
    with browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options)) as context:
        page, faults = visit(context, base + name, base)
        page.locator(".leaf-walk").scroll_into_view_if_needed()
        page.locator(".leaf-walk[data-ready]").wait_for()
        try:
            yield page
        finally:
            if shots := os.environ.get("WALK_SCREENSHOTS"):
                page.locator(".leaf-walk").screenshot(path=f"{shots}/{name.replace('/', '-')}.png")
        assert faults == []


def steps(page: Page) -> int:
    """Return the number of steps that the page shows."""
    return int(page.locator(".lw-numbers strong").first.inner_text())


def wait_for_steps(page: Page, least: int) -> None:
    page.wait_for_function(
        f"() => Number(document.querySelector('.lw-numbers strong').textContent) >= {least}"
    )


def tasks(trace: bytes, thread: str) -> list[float]:
    """Return the processor's time, in ms, of each task on the threads of a name.

    Unlike the time on the clock it does not count what other processes took meanwhile.
    """
    events = json.loads(trace)["traceEvents"]
    names = [event for event in events if event["name"] == "thread_name"]
    threads = {(e["pid"], e["tid"]) for e in names if e["args"]["name"] == thread}
    run = [event for event in events if event["name"].endswith("RunTask") and "tdur" in event]
    return [e["tdur"] / 1000 for e in run if (e["pid"], e["tid"]) in threads]


# As many multiplications and additions as a core of a good machine makes in about 50 ms.
MEASURE = """() => {
  const row = Float64Array.from({ length: 1000 }, (_, k) => k / 1000);
  let sum = 0;
  for (let n = 0; n < 50000; n++) for (let k = 0; k < 1000; k++) sum += row[k] * row[k];
  return sum;
}"""


def test_the_walk_is_fast_and_blocks_nothing(browser, site: Path) -> None:
    """No task holds up the page for 50 ms of a good processor; a step takes 75 ms of it at most.

    Busy neighbours make a core slower, too: so it is compared with what 50 million products take
    here and now. Measured for a step: 0.7 to 0.9 of that; 55 ms beside eleven busy processes.
    """
    with opened(browser, site, FULL) as page:
        page.get_by_label("Speed").fill("60")
        page.get_by_role("radio", name="0.1").check()
        page.wait_for_load_state("networkidle")
        settle(page)  # what the page itself does when it starts is not the walk's
        browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
        page.get_by_role("button", name="Play").click()
        wait_for_steps(page, 60)
        page.get_by_role("button", name="Pause").click()
        trace, made = browser.stop_tracing(), steps(page)
        browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
        page.evaluate(MEASURE)
        limit = max(tasks(browser.stop_tracing(), "CrRendererMain"))
        shown, walked = tasks(trace, "CrRendererMain"), tasks(trace, "DedicatedWorker thread")
        step = (sum(shown) + sum(walked)) / made
        print(
            f"{made} steps of {step:.0f} ms, longest task {max(shown):.0f} ms, limit {limit:.0f} ms"
        )
        assert sum(walked) / made > 1  # it is there that a step is computed
        assert step <= 1.5 * limit
        assert max(shown) <= limit


def test_everything_works_by_keyboard(browser, site: Path) -> None:
    with opened(browser, site, FULL) as page:
        status, press = page.locator(".lw-status"), page.keyboard.press
        page.get_by_role("radio", name="7").first.focus()
        press("ArrowRight")
        expect(status).to_contain_text("an 8")
        page.get_by_role("radio", name="mirrored").focus()
        press("Space")
        expect(status).to_contain_text("a mirrored 2")
        page.get_by_role("button", name="Step").focus()
        press("Enter")
        expect(status).to_contain_text("1 step from an 8")
        page.get_by_role("button", name="Play").focus()
        press("Enter")
        wait_for_steps(page, 4)
        press("Enter")  # the same button, now Pause
        expect(page.get_by_role("button", name="Play")).to_be_focused()
        assert f"{steps(page)} steps from an 8" in status.inner_text()
        page.get_by_role("radio", name="by hand").focus()
        press("Space")
        slider = page.get_by_label("direction 1")
        slider.focus()
        for _ in range(5):
            press("ArrowRight")
        expect(status).to_contain_text("At 0.5 from an 8")
        assert slider.get_attribute("aria-valuetext").startswith("0.5, eigenvalue")
        # Draw a stroke: pen down, ten pixels down, pen up.
        page.get_by_role("radio", name="leaf → target").check()
        page.get_by_role("radio", name="draw").focus()
        press("Space")
        expect(page.get_by_role("application")).to_be_focused()
        for key in ["Space", *["ArrowDown"] * 10, "Space"]:
            press(key)
        expect(status).to_contain_text("your drawing")


def test_a_drawing_by_hand(browser, site: Path) -> None:
    with opened(browser, site, FULL, has_touch=True) as page:
        page.locator("label", has_text="draw").tap()
        box = page.get_by_role("application").bounding_box()
        page.mouse.move(box["x"] + 60, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 130, steps=8)
        page.mouse.up()
        expect(page.locator(".lw-status")).to_contain_text("your drawing. ")
        text = page.locator(".lw-status").inner_text()
        assert "says 1 " in text, text
        page.reload()  # the address holds the drawing
        page.locator(".leaf-walk[data-ready]").wait_for()
        expect(page.locator(".lw-status")).to_have_text(text)


def test_the_pad_stays_open_when_an_older_answer_arrives(browser, site: Path) -> None:
    with opened(browser, site, FULL) as page:
        # Both in one task: the worker's answer to the first comes after the second.
        page.evaluate("""() => {
          const input = (text) => [...document.querySelectorAll(".lw label")]
            .find((label) => label.textContent.includes(text)).querySelector("input");
          for (const text of ["fibre → target", "draw"]) input(text).click();
        }""")
        page.locator(".lw[data-move=fibre]").wait_for()
        expect(page.get_by_role("application")).to_be_focused()
        expect(page.get_by_role("radio", name="draw")).to_be_checked()
        page.get_by_role("radio", name="3").first.check()
        expect(page.get_by_role("application")).to_be_hidden()


def test_the_address_holds_the_situation(browser, site: Path) -> None:
    query = "?start=4&target=9&kind=mirrored&move=leaf&rule=published&length=0.4&steps=7"
    with opened(browser, site, FULL + query) as page:
        wait_for_steps(page, 7)
        status = page.locator(".lw-status")
        expect(status).to_contain_text(
            "7 steps from a 4: leaf towards a mirrored 9, published rule"
        )
        for name in ("published", "mirrored", "0.4"):
            expect(page.get_by_role("radio", name=name)).to_be_checked()
        assert set(query[1:].split("&")) <= set(urlsplit(page.url).query.split("&"))
        page.get_by_role("button", name="Reset").click()
        expect(status).to_contain_text("At the start, a 4")
        assert "steps=" not in page.url
    with opened(browser, site, FULL + "?start=x&move=nowhere&steps=-1&hand=1") as page:
        expect(page.locator(".lw-status")).to_contain_text("At the start, a 7")
    with opened(browser, site, FULL + "?move=hand&hand=2_0_0_0_0_0_0_0_-1") as page:
        expect(page.get_by_label("direction 9")).to_have_value("-1")
        expect(page.locator(".lw-status")).to_contain_text("At 2.2 from a 7")


@pytest.mark.parametrize("name", [FULL, COMPACT])
def test_axe_finds_nothing(browser, site: Path, name: str) -> None:
    found = []
    query = "?move=hand" if name == FULL else ""
    with opened(browser, site, name + query, reduced_motion="reduce") as page:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                settle(page, theme)
                for fault in axe_faults(page) + layout_faults(page):
                    found.append(f"{width} {theme}: {fault}")
        if name == FULL:
            page.locator("label", has_text="draw").click()
            found += axe_faults(page)
    assert found == []


def test_unwelcome_motion_does_not_start(browser, site: Path) -> None:
    with opened(browser, site, COMPACT, reduced_motion="reduce") as page:
        # Nothing tells of what does not happen: a second and a half of the page's own time.
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        assert steps(page) == 0
    with opened(browser, site, COMPACT) as page:
        page.locator(".lw-stage").scroll_into_view_if_needed()
        wait_for_steps(page, 2)
        page.get_by_role("button", name="Pause").click()


def test_without_scripts_a_picture_and_numbers_stand_there(browser, site: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(serve(site) + FULL)
        place = page.locator(".leaf-walk")
        expect(place.locator("img")).to_be_visible()
        expect(place.locator("table")).to_contain_text("leaf, published rule")
        expect(place.locator(".leaf-walk-why")).to_contain_text("needs JavaScript")
    with browser.new_context() as context:  # browsers load no modules from a file
        page = context.new_page()
        page.goto((site / FULL).as_uri())
        page.locator(".leaf-walk").scroll_into_view_if_needed()
        expect(page.locator(".leaf-walk-why")).to_contain_text("not from a file")
        expect(page.locator(".leaf-walk table")).to_be_visible()


def test_a_failure_is_told_and_leaves_the_picture(browser, site: Path) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/network.bin", lambda route: route.fulfill(status=404))
        page.goto(serve(site) + FULL)
        page.locator(".leaf-walk").scroll_into_view_if_needed()
        expect(page.locator(".leaf-walk-why")).to_contain_text("network.bin: 404")
        expect(page.locator(".leaf-walk table")).to_be_visible()


def test_the_numbers_of_the_still_picture_are_computed() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    import export_walk

    plt.style.use("helpers.course")
    model = load_checkpoint(export_walk.STAGE, export_walk.SEED)[0]
    figure, table = export_walk.still(model, export_walk.digits(model)[1])
    plt.close(figure)
    exact = "\n".join(table.splitlines()[:4])  # the published rule is chaotic in its round-off
    assert (ROOT / "book" / "figures" / "walk_numbers.md").read_text().startswith(exact)


def test_the_widget_is_the_same_code(browser, tmp_path: Path) -> None:
    """Load the widget's module as Jupyter does, and walk."""
    pytest.importorskip("anywidget")
    widget = leaf_walk(form="compact")
    (tmp_path / "widget.js").write_text(str(widget._esm))
    (tmp_path / "widget.css").write_text(str(widget._css))
    (tmp_path / "index.html").write_text('<link rel="stylesheet" href="widget.css"><main></main>')
    (tmp_path / "data").symlink_to(WALK_FOLDER / "data")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(serve(tmp_path))
        page.evaluate(
            """async () => {
              const get = async (name, as) => (await fetch(`data/${name}`))[as]();
              const view = async (name) => new DataView(await get(name, "arrayBuffer"));
              const held = {
                form: "compact", network: await get("network.json", "json"),
                weights: await view("network.bin"), digits: await get("digits.json", "json"),
                pixels: await view("digits.bin"),
              };
              const { default: widget } = await import("./widget.js");
              window.remove = await widget.render(
                { model: { get: (name) => held[name] }, el: document.querySelector("main") });
            }"""
        )
        page.get_by_role("button", name="Step").click()
        wait_for_steps(page, 1)
        page.evaluate("window.remove()")
        assert page.locator("main section").count() == 0


# ---- the fan of leaves behind a wall, chapter 6 -------------------------------------------------


@pytest.mark.parametrize("u", [(0, 1), (0.5, -1.5), (-0.6, 0.3), (1.2, 0), (0, 0)])
def test_fan_agrees_with_torch(page: Page, u: tuple[float, float]) -> None:
    """The page's spaces are those of the network that chapter 6 writes down, with any u."""
    net = MLP((3, 4, 3), torch.nn.ReLU, dtype=torch.float64).eval()
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]))
        net[1].bias.copy_(torch.tensor([5.0, 5, 5, 0]))
        rows = [[1, 0, 1, u[0]], [0, 1, 0, u[1]], [0, 0, 0, 0]]
        net[3].weight.copy_(torch.tensor(rows, dtype=torch.float64))
    places = torch.tensor([[0.1, 0.2, -0.5], [0.1, 0.2, 0.5]], dtype=torch.float64)
    front, back = leaf_basis(net, places)[0]
    found = page.evaluate("async (u) => (await import('/fan.js')).meeting(u)", u)
    normal, behind, before = (
        torch.tensor(found[k], dtype=torch.float64) for k in ("normal", "behind", "before")
    )
    assert (back @ normal).abs().max() < 1e-12 and behind[2] == before[2] == 0
    for basis, trace in ((front, before), (back, behind)):
        assert (trace - basis.T @ (basis @ trace)).norm() < 1e-12
    cosine = torch.cosine_similarity(behind, before, dim=0).abs().clamp(max=1)
    assert abs(found["angle"] - cosine.acos().rad2deg()) < 1e-5
    both = torch.linalg.matrix_rank(torch.cat([front, back])).item()
    assert found["shared"] == 4 - both
    traces = torch.linalg.matrix_rank(torch.stack([behind, before])).item()
    assert found["sharedTraces"] == 2 - traces


def test_fan_turns_by_mouse_and_keyboard(browser, site: Path) -> None:
    base = serve(site)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page, faults = visit(context, base + "book/06_linear_regions.html", base)
        fan = page.locator(".leaf-fan")
        fan.scroll_into_view_if_needed()
        drawing, said = fan.locator("svg"), fan.locator(".lw-status")
        expect(said).to_contain_text("45.0 degrees")
        before = drawing.inner_html()
        box = drawing.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 160, box["y"] + 130)
        page.mouse.up()
        turned = drawing.inner_html()
        assert turned != before
        fan.get_by_label("turn").focus()
        page.keyboard.press("ArrowRight")
        assert drawing.inner_html() != turned
        fan.get_by_label("u₁").fill("0.5")
        fan.get_by_label("u₂").fill("0")
        expect(said).to_contain_text("continues behind the wall, with a bend")
        assert "continues" in drawing.get_attribute("aria-label")
        fan.get_by_label("u₁").fill("0")
        expect(said).to_contain_text("there is no wall to notice")
        assert axe_faults(page) == [] and faults == []
