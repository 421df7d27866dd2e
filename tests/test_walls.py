"""What happens at a wall of a random piecewise linear network (chapter 6)."""

from typing import NamedTuple

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers import foliation as fol
from helpers.information import logit_jacobian
from helpers.models import MLP, LeNet


class Wall(NamedTuple):
    """Distance `(B,)`, unit normal `(B, n)`, and a point of the next region."""

    distance: Tensor
    normal: Tensor
    behind: Tensor


@st.composite
def walls(draw):
    """A random network, up to three inputs, and the walls ahead of them in random directions."""
    torch.manual_seed(draw(st.integers(0, 10_000)))
    classes, kink = draw(st.integers(2, 8)), draw(st.sampled_from([nn.ReLU, nn.LeakyReLU]))
    if draw(st.booleans()):
        width = draw(st.lists(st.integers(12, 20), min_size=1, max_size=2))
        model, shape = MLP((16, *width, classes), kink, torch.float64), (16,)
    else:
        pooling = draw(st.sampled_from([nn.AvgPool2d, nn.MaxPool2d]))
        model, shape = LeNet(classes, 1, 12, kink, pooling, torch.float64), (1, 12, 12)
    x = torch.rand(3, *shape, dtype=torch.float64)
    direction = torch.randn_like(x)
    t, normal = fol.wall_ahead(model.eval(), x, direction)
    seen = t < 1e6
    assume(seen.any())
    x, direction, t, normal = x[seen], direction[seen], t[seen], normal[seen].flatten(1)
    shape = (-1, *[1] * len(shape))
    just = t * (1 + 1e-6)
    after = fol.next_wall(model, x + just.view(shape) * direction, direction)
    behind = x + (just + after.clamp(max=1) / 2).view(shape) * direction
    return model, x, direction, Wall(t, normal / normal.norm(dim=1, keepdim=True), behind)


def sines(a, b):
    """Sines of the principal angles from the rows of b to the span of a, both orthonormal."""
    return torch.linalg.svdvals(b - b @ a.mT @ a)


@given(walls())
def test_one_unit_changes_at_the_wall(case):
    model, x, direction, wall = case
    assert torch.equal(wall.distance, fol.next_wall(model, x, direction))
    before, after = (fol.linear_region(model, place).pattern for place in (x, wall.behind))
    changes = (before != after).sum(1)
    # In a pooling window where every ReLU is off, the unit that turns on is the new maximum too.
    kinds = {type(layer) for layer in model}
    assert ((changes == 1) | ((changes == 2) & ({nn.ReLU, nn.MaxPool2d} <= kinds))).all()
    assert ((wall.normal * direction.flatten(1)).sum(1) != 0).all()


@given(walls())
def test_jacobian_jumps_by_rank_one_along_the_normal(case):
    model, x, _, wall = case
    before, after = (logit_jacobian(model, place)[1] for place in (x, wall.behind))
    jump = after - before
    along = (jump @ wall.normal[:, :, None]) * wall.normal[:, None]
    size = before.flatten(1).norm(dim=1) + after.flatten(1).norm(dim=1)
    assert ((jump - along).flatten(1).norm(dim=1) <= 1e-12 * size).all()


@given(walls())
def test_fibres_continue_and_leaves_share_what_the_theorem_says(case):
    """ker G has the same trace on both sides; D and D' share C − 2 dimensions or more."""
    model, x, _, wall = case
    (q, rank), (after, rank_after) = (fol.leaf_basis(model, v) for v in (x, wall.behind))
    alive = ((rank > 0) & (rank_after > 0)).nonzero().flatten().tolist()
    assume(alive)
    for k in alive:
        a, b, n = q[k, : rank[k]], after[k, : rank_after[k]], wall.normal[k]
        assert (sines(a, b) > 1e-7).sum() <= 1
        wide = torch.linalg.qr(torch.cat([n[None], a]).mT)[0].mT  # D and the normal
        assert sines(wide, b).max() < 1e-7


def test_no_wall_ahead():
    """A linear classifier has one region."""
    model = MLP((5, 3), dtype=torch.float64).eval()
    x = torch.rand(2, 5, dtype=torch.float64)
    t, normal = fol.wall_ahead(model, x, torch.ones_like(x))
    assert t.isinf().all() and (normal == 0).all()
