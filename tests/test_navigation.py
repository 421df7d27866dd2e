"""Walks that stay on their leaf, stalls that are reported, and geodesics of the leaf."""

import copy
import math
import os
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from helpers import foliation as fol
from helpers import information as info
from helpers import navigation as nav
from helpers.data import PAPER_UNIT, load_mnist
from helpers.information import fisher_rao_distance, score_factor
from helpers.models import MLP, load_checkpoint


def small(classes=4, size=12, seed=0, activation=nn.ReLU):
    """A random network in float64 with few regions, and points."""
    torch.manual_seed(seed)
    model = MLP((size, 24, 16, classes), activation, dtype=torch.float64).eval()
    return model, torch.rand(6, size, dtype=torch.float64), torch.rand(6, size, dtype=torch.float64)


@pytest.fixture(scope="module")
def digits():
    """The partially trained network, five images and five others to go to."""
    x, _ = load_mnist("test", 10)
    return load_checkpoint("100-steps", 0)[0], x[:5], x[5:]


def test_a_walk_in_one_region_stays_on_the_affine_leaf():
    model, x, _ = small()
    v = torch.randn_like(x)
    for kernel, walk in ((False, nav.walk_leaf), (True, nav.walk_kernel)):
        basis = fol.leaf_basis(model, x)[0]
        way = fol.kernel_projection(basis, v) if kernel else fol.leaf_projection(basis, v)
        room = 0.9 * fol.next_wall(model, x, way / way.norm(dim=1, keepdim=True)).min().item()
        path = walk(model, x, direction=v, step=room / 20, length=room)
        assert path.reason == ["reached"] * 6 and (path.steps == 20).all()
        assert (path.arc_length[:, -1] - room).abs().max() < 1e-12
        assert path.residual.max() < 1e-10 and path.outside[:, :20].max() < 1e-20
        assert (path.points[:, -1] - x).norm(dim=1) == pytest.approx(room)
        if kernel:
            assert path.total_variation.max() < 1e-12
    x32 = x.float()
    assert nav.walk_leaf(model, x32, direction=v.float(), n_steps=1).points.dtype == torch.float32


def test_an_affine_network_walks_to_the_foot_of_the_perpendicular():
    torch.manual_seed(0)
    model = MLP((9, 4), dtype=torch.float64).eval()
    x, target = torch.randn(3, 9, dtype=torch.float64), torch.randn(3, 9, dtype=torch.float64)
    basis = fol.leaf_basis(model, x)[0]
    for step in (0.1, None):
        path = nav.walk_leaf(model, x, target=target, step=step, reach=0)
        assert path.reason == ["stalled"] * 3
        foot = x + fol.leaf_projection(basis, target - x)
        assert torch.allclose(path.points[:, -1], foot, atol=1e-12)
        assert (path.ratio[:, -1] < 1e-3).all() and (path.distance.diff(dim=1) <= 1e-15).all()


def test_step_halving_converges():
    """A smooth network has a limit everywhere; the error of the first-order walk halves."""
    model, x, _ = small(activation=nn.Tanh)
    v = torch.randn_like(x)
    ends = [
        nav.walk_leaf(model, x, direction=v, step=0.2 / 2**k, length=1.6).points[:, -1]
        for k in range(6)
    ]
    gaps = [(a - b).norm() for a, b in pairwise(ends)]
    for coarse, fine in pairwise(gaps):
        assert 0.4 < fine / coarse < 0.6


@pytest.mark.slow
def test_a_stall_does_not_depend_on_the_step(digits):
    model, x, target = digits
    ends = [
        nav.walk_leaf(model, x, target=target, step=step, n_steps=500, keep=500)
        for step in (0.2, 0.1)
    ]
    shares = [path.distance[:, -1] / path.distance[:, 0] for path in ends]
    gap = shares[0] - shares[1]
    assert gap.abs().max() < 0.1 and gap.mean().abs() < 0.1 / 3
    for path, share in zip(ends, shares, strict=True):
        assert path.reason == ["stalled"] * 5 and (path.ratio[:, -1] < 0.01).all()
        assert ((share > 0.5) & (share < 0.95)).all()
        assert path.outside_share.max() < 1e-20
        assert (path.distance.diff(dim=1) < 1e-12).all()  # it never grows
        assert path.points.shape == (5, 2, 1, 28, 28) and path.kept.tolist() == [0, 500]


def test_a_stall_in_the_box_is_a_stall_too(digits):
    model, x, target = digits
    path = nav.walk_leaf(model, x, target=target, step=0.2, n_steps=300, keep=300, box=(0, 1))
    assert path.reason == ["stalled"] * 5 and (path.distance.diff(dim=1) < 1e-12).all()
    assert (path.distance[:, -1] > 0.3 * path.distance[:, 0]).all()
    assert path.outside.nan_to_num(0).max() < 1e-20 and (path.outside_share > 0.05).all()


def test_published_rule(digits):
    """Every step as long as the first, in the box; outside D as soon as the exact walk stalls."""
    model, x, target = digits
    step = 3 / PAPER_UNIT
    path = nav.walk_leaf(model, x, target=target, step=step, n_steps=60, rule="published")
    exact = nav.walk_leaf(model, x, target=target, step=step, n_steps=60)
    assert (path.points >= 0).all() and (path.points <= 1).all()
    moving = ~path.outside.isnan()
    assert (path.arc_length.diff(dim=1)[moving] <= step + 1e-9).all()
    assert "stalled" not in path.reason and exact.reason.count("stalled") >= 3
    assert (path.outside_moved.nanmean(1) > 0.1).all()  # the box alone does this
    assert path.outside[:, -20:].nanmean() > 4 * path.outside[:, :2].nanmean()


# Half a minute a network; COURSE_LONG=1 walks with all three.
LONG = (0, 1, 2) if os.environ.get("COURSE_LONG") else (0,)


@pytest.mark.slow
@pytest.mark.parametrize("seed", LONG)
def test_as_many_steps_as_were_published(seed):
    """5,000 steps of the published length do not stall, and more than a third leaves the leaf."""
    model, (x, _) = load_checkpoint("400-steps", seed)[0], load_mnist("test", 2)
    start, target = x[:1], x[1:]
    path = nav.walk_leaf(
        model, start, target=target, step=0.1 / PAPER_UNIT, n_steps=5000, keep=5000,
        rule="published",
    )  # fmt: skip
    exact = nav.walk_leaf(model, start, target=target, step=0.2, n_steps=400, keep=400)
    share = path.distance[0] / path.distance[0, 0]
    print(f"left {share[-1]:.2f}, exact {exact.distance[0, -1] / exact.distance[0, 0]:.2f}")
    assert path.reason[0] != "stalled" and exact.reason[0] == "stalled"
    assert share[-1] < exact.distance[0, -1] / exact.distance[0, 0] - 0.1
    assert path.outside[0, -1000:].nanmean() > 2 * path.outside[0, :20].mean()
    assert path.outside_share[0] > 1 / 3


def test_the_parts_of_the_published_rule_one_by_one(digits):
    model, x, target = digits
    for solver in ("projector", "lstsq"):
        for renormalise in (True, False):
            for box in ((0.0, 1.0), False):
                path = nav.walk_leaf(
                    model, x, target=target, step=0.3, n_steps=12, rule="published",
                    solver=solver, renormalise=renormalise, box=box,
                )  # fmt: skip
                made = path.arc_length.diff(dim=1)
                if renormalise and not box:
                    assert torch.allclose(made, torch.tensor(0.3, dtype=made.dtype))
                if solver == "projector":
                    assert path.outside.nan_to_num(0).max() < 1e-20
                if not box:
                    assert torch.allclose(path.outside, path.outside_moved, equal_nan=True)
                else:
                    assert 0 <= path.points.min() and path.points.max() <= 1
    # for ker G the solver of the published rule is sound
    path = nav.walk_kernel(model, x, target=target, rule="published", n_steps=3)
    assert path.outside.max() < 1e-6 < path.outside_moved.max()


def test_kernel_walk_from_wall_to_wall_keeps_p(digits):
    model, x, target = digits
    path = nav.walk_kernel(model, x[:3], target=target[:3], step=None, n_steps=80)
    assert path.total_variation.max() < 1e-6
    assert (path.distance.diff(dim=1) < 1e-12).all() and (path.arc_length[:, -1] > 0.5).all()
    model, x, target = small()
    path = nav.walk_kernel(model, x, target=target, step=None, n_steps=200)
    assert path.total_variation.max() < 1e-6 and path.reason == ["stalled"] * 6
    assert (path.distance[:, -1] < 0.9 * path.distance[:, 0]).all()


def test_from_wall_to_wall_crosses_a_wall_with_each_step():
    model, x, target = small()
    path = nav.walk_leaf(model, x, direction=target - x, step=None, n_steps=4)
    for k in range(6):
        names = fol.linear_region(model, path.points[k]).name
        made = path.arc_length[k].diff()
        whole = (made > path.ratio[k, :-1] - 1e-9).tolist()  # the whole projection: no wall ahead
        moved = (made > 0).tolist()
        ways = zip(pairwise(names), whole, moved, strict=True)
        assert all(a != b or w or not m for (a, b), w, m in ways)
    assert path.outside.nan_to_num(0).max() < 1e-20


def test_a_walk_slides_along_a_wall_that_it_cannot_leave():
    """The kernel is (1, 0) before the wall x₀ = 0 and (1, −2) behind it; both sides lead back."""
    model = MLP((2, 2, 2), dtype=torch.float64).eval()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0], [0, 1]]))
        model[1].bias.copy_(torch.tensor([0.0, 100]))
        model[3].weight.copy_(torch.tensor([[2.0, 1], [0, 0]]))
    x = torch.tensor([[-1.0, 0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 5]], dtype=torch.float64)
    path = nav.walk_kernel(model, x, target=target, step=None, n_steps=20)
    assert path.reason == ["stalled"] and path.total_variation.max() < 1e-9
    path = nav.walk_leaf(model, x, target=target, step=None, n_steps=20)
    assert (path.distance.diff(dim=1) < 1e-12).all()


@pytest.mark.parametrize("step", [0.1, None])
def test_a_batch_is_as_good_as_single_walks(step):
    model, x, target = small()
    for walk in (nav.walk_leaf, nav.walk_kernel):
        together = walk(model, x, target=target, step=step, n_steps=40)
        for k in range(6):
            alone = walk(model, x[k : k + 1], target=target[k : k + 1], step=step, n_steps=40)
            assert torch.allclose(alone.points[0], together.points[k], atol=1e-7)
            assert alone.reason[0] == together.reason[k]
            assert torch.allclose(alone.logits[0], together.logits[k], atol=1e-6)


def test_a_batch_of_images_is_as_good_as_single_walks(digits):
    model, x, target = digits
    together = nav.walk_leaf(model, x, target=target, n_steps=20)
    part = together[1:4]
    assert torch.equal(part.points[2], together.points[3]) and part.reason == together.reason[1:4]
    assert torch.equal(part.kept, together.kept) and part.steps.shape == (3,)
    alone = nav.walk_leaf(model, x[3:4], target=target[3:4], n_steps=20)
    assert torch.allclose(alone.points[0], together.points[3], atol=1e-6)


def test_direction_as_a_function(digits):
    """Along the first eigenvector of G, which turns on the way."""
    model, x, _ = digits
    last = torch.linalg.svd(score_factor(model, x), full_matrices=False).Vh[:, 0]

    def first(points):
        nonlocal last
        v = torch.linalg.svd(score_factor(model, points.float()), full_matrices=False).Vh[:, 0]
        last = v * (v * last).sum(1, keepdim=True).sign()
        return last.view_as(points)

    path = nav.walk_leaf(model, x, direction=first, length=0.5)
    assert path.reason == ["reached"] * 5 and path.distance.isnan().all()
    assert (path.ratio > 0.999).all()
    assert (path.total_variation[:, -1] > 0.01).all()


def test_reached_and_length_and_progress(digits, capsys, monkeypatch):
    model, x, target = digits
    near = nav.walk_leaf(model, x, target=x, n_steps=2)
    assert near.reason == ["reached"] * 5 and near.steps.tolist() == [0] * 5
    path = nav.walk_kernel(model, x, direction=torch.ones_like(x), step=0.1, length=0.25, n_steps=9)
    assert path.steps.tolist() == [3] * 5 and path.reason == ["reached"] * 5
    assert path.probabilities.sum(2).allclose(torch.ones(5, 10, dtype=torch.float64))
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("COURSE_PROGRESS")
    nav.walk_leaf(model, x, target=target, n_steps=2)
    assert "2/2" in capsys.readouterr().err


def test_a_walk_does_not_depend_on_the_precision_of_the_model(digits):
    """Float32 stores the weights; what is computed with them, and rounded, is the same."""
    model, x, target = digits
    for rule in ("exact", "published"):
        narrow, wide = (
            nav.walk_leaf(net, x, target=target, step=0.4, n_steps=8, rule=rule)
            for net in (model, copy.deepcopy(model).double())
        )
        assert torch.equal(narrow.distance, wide.distance)
        assert narrow.points.dtype == x.dtype and narrow.distance.dtype == torch.float64


def test_the_published_rule_owes_its_tenth_direction_to_rounding(digits):
    """From rows with all their digits it would go elsewhere; the exact rule has no such step."""
    model, x, _ = digits
    wide = copy.deepcopy(model).double()
    exact = info.logit_jacobian(nn.Sequential(wide, nn.LogSoftmax(1)).eval(), x.double())[1]
    logits, jacobian = info.logit_jacobian(wide, x.double())
    contrasts = info._contrasts(10).double() @ jacobian
    noise = torch.rand(10, 784, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rounded = nav._score_rows(logits, contrasts, noise)
    other = nav._score_rows(logits, contrasts * (1 + 1e-14), noise)  # nothing turns
    assert torch.allclose(other, rounded, rtol=1e-12, atol=1e-12)
    assert (rounded != exact).any() and torch.allclose(rounded, exact, rtol=1e-7, atol=1e-12)
    for rows, low, high in ((rounded, 1e-10, 1e-6), (exact, 0, 1e-14)):
        s = torch.linalg.svdvals(normalize(rows, dim=2))
        assert (low < s[:, 9]).all() and (s[:, 9] < high).all() and (s[:, 8] > 1e-4).all()


def test_arguments_are_checked(digits):
    model, x, target = digits
    for bad in (
        {}, {"target": target, "direction": target}, {"target": target[:2]}, {"direction": x[0]},
        {"target": target, "rule": "best"}, {"target": target, "solver": "gels"},
        {"target": target, "step": None, "rule": "published"}, {"target": target, "step": 0.0},
        {"target": target, "step": None, "box": (0, 1)}, {"target": target, "n_steps": 0},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            nav.walk_leaf(model, x, **bad)
    for bad in ({}, {"direction": x}, {"target": model(x), "length": 1.0}):
        with pytest.raises(ValueError):
            nav.geodesic(model, x, **bad)


def test_geodesic_is_a_great_circle_as_long_as_the_distance():
    model, x, _ = small()
    v = torch.randn_like(x)
    line = nav.geodesic(model, x, direction=v, length=1e-3, n_points=41)
    assert line.inside.all() and line.leaves.isinf().all()
    p = model(line.points.flatten(0, 1)).softmax(1).view(6, 41, 4)
    assert torch.allclose(p, line.logits.softmax(2), rtol=1e-9)
    root = p.sqrt()
    # a great circle: every point in the plane of the first and the last
    plane = torch.linalg.svd(root[:, [0, -1]], full_matrices=False).Vh
    assert (root - root @ plane.mT @ plane).abs().max() < 1e-12
    assert torch.allclose(
        fisher_rao_distance(line.logits[:, :1], line.logits), line.arc_length, atol=1e-10
    )
    # its length in G, by the factor A at the middle of each piece
    pieces, middle = line.points.diff(dim=1), (line.points[:, 1:] + line.points[:, :-1]) / 2
    a = score_factor(model, middle.flatten(0, 1)).view(6, 40, 4, -1)
    length = (a @ pieces[..., None]).squeeze(3).norm(dim=2).sum(1)
    assert length == pytest.approx(1e-3, rel=1e-6)
    straight = fol.leaf_projection(fol.leaf_basis(model, x)[0], line.points[:, -1] - x)
    assert torch.allclose(straight, line.points[:, -1] - x, atol=1e-12)  # it is in the leaf


def test_geodesic_to_a_distribution_and_where_it_leaves():
    model, x, _ = small()
    goal = model(x).detach() + torch.randn(6, 4, dtype=torch.float64)
    line = nav.geodesic(model, x, target=goal, n_points=30)
    assert torch.allclose(line.arc_length[:, -1], fisher_rao_distance(model(x), goal))
    assert torch.allclose(line.logits[:, -1].softmax(1), goal.softmax(1), rtol=1e-9)
    assert (line.boundary > line.arc_length[:, -1]).all()  # the simplex is convex
    for k in range(6):
        count = int(line.inside[k].sum())
        if count < 30:
            assert line.arc_length[k, count - 1] <= line.leaves[k] <= line.arc_length[k, count]
            assert not line.inside[k, count:].any()
    affine = MLP((5, 3), dtype=torch.float64).eval()
    x, v = torch.randn(2, 5, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    line = nav.geodesic(affine, x, direction=v, length=math.pi, n_points=64)
    behind = line.arc_length > line.boundary[:, None]
    assert torch.equal(behind, line.points.isnan().any(2)) and behind[:, -1].all()
    assert torch.equal(line.inside, ~behind)
    assert torch.allclose(line.leaves, line.boundary, atol=1e-6)


def test_geodesic_needs_full_rank():
    model = MLP((2, 4), dtype=torch.float64).eval()
    x = torch.rand(1, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="C−1"):
        nav.geodesic(model, x, direction=x, length=0.1)
