"""The distribution, its brackets and the linear regions, on random networks."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from helpers import foliation as fol
from helpers.data import load_mnist
from helpers.information import local_data_matrix
from helpers.models import MLP, LeNet, load_checkpoint

PIECEWISE = [nn.ReLU, nn.LeakyReLU]
SMOOTH = [nn.GELU, nn.Softplus, nn.Tanh]


@st.composite
def networks(draw, activations=PIECEWISE + SMOOTH):
    """A random network in float64, C from 2 to 8, with a batch of inputs."""
    torch.manual_seed(draw(st.integers(0, 10_000)))
    classes, activation = draw(st.integers(2, 8)), draw(st.sampled_from(activations))
    if draw(st.booleans()):
        sizes = (
            draw(st.integers(10, 20)),
            *draw(st.lists(st.integers(12, 20), max_size=2)),
            classes,
        )
        model, shape = MLP(sizes, activation, dtype=torch.float64), sizes[:1]
    else:
        pooling = draw(st.sampled_from([nn.AvgPool2d, nn.MaxPool2d]))
        model, shape = LeNet(classes, 1, 12, activation, pooling, torch.float64), (1, 12, 12)
    return model.eval(), torch.rand(3, *shape, dtype=torch.float64)


@given(networks())
def test_leaf_basis_spans_the_complement_of_the_kernel(case):
    model, x = case
    q, rank = fol.leaf_basis(model, x)
    classes = model(x).shape[1]
    assert q.shape == (3, classes - 1, x[0].numel())
    assert torch.allclose(q @ q.mT, torch.diag_embed(q.norm(dim=2)), atol=1e-12)
    assert (q.norm(dim=2).sum(1) - rank).abs().max() < 1e-12 and (rank <= classes - 1).all()
    g, v = local_data_matrix(model, x), torch.randn_like(x)
    inside, outside = fol.leaf_projection(q, v), fol.kernel_projection(q, v)
    assert torch.allclose(inside + outside, v)
    assert torch.allclose(fol.leaf_projection(q, inside), inside, atol=1e-12)
    scale = g.flatten(1).norm(dim=1) * v.flatten(1).norm(dim=1)
    assert ((g @ outside.flatten(1)[:, :, None]).flatten(1).norm(dim=1) <= 1e-11 * scale).all()


def test_rank_deficient_networks():
    torch.manual_seed(0)
    x = torch.rand(4, 9, dtype=torch.float64)
    twins = MLP((9, 6), dtype=torch.float64).eval()  # two classes with the same score
    with torch.no_grad():
        twins[1].weight[5] = twins[1].weight[0]
    narrow = MLP((9, 2, 6), nn.Tanh, dtype=torch.float64).eval()
    few = MLP((3, 8, 6), nn.Tanh, dtype=torch.float64).eval()
    dead = MLP((9, 5, 6), dtype=torch.float64).eval()
    with torch.no_grad():
        dead[1].bias.fill_(-100)
    for model, inputs, expected in (
        (twins, x, 4),
        (narrow, x, 2),
        (few, x[:, :3], 3),
        (dead, x, 0),
    ):
        q, rank = fol.leaf_basis(model, inputs)
        assert rank.tolist() == [expected] * 4 and q.shape[1] == 5
        assert (q[:, expected:] == 0).all()


def test_basis_of_rows_that_depend_on_each_other():
    rows = torch.randn(3, 4, 9, dtype=torch.float64)
    rows[1, 3] = rows[1, 0] - 2 * rows[1, 1]
    rows[2] = 0
    for part, ranks in ((rows, [4, 3, 0]), (rows[:, :, :2], [2, 2, 0])):
        for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
            q, rank = fol.orthonormal_basis(part.to(dtype))
            projector = torch.linalg.pinv(part) @ part
            assert q.dtype is dtype and rank.tolist() == ranks
            assert torch.allclose((q.mT @ q).double(), projector, atol=tolerance)
            assert q.square().sum((1, 2)).round().tolist() == ranks
            assert torch.equal(fol.orthonormal_basis(part[1].to(dtype))[0], q[1])


def test_bracket_by_hand():
    """The contact fields ∂x and ∂y + x∂z have the bracket ∂z."""
    first = lambda v: torch.stack([torch.ones_like(v[0]), 0 * v[0], 0 * v[0]])  # noqa: E731
    second = lambda v: torch.stack([0 * v[0], torch.ones_like(v[0]), v[0]])  # noqa: E731
    point = torch.randn(3, dtype=torch.float64)
    assert fol.lie_bracket(first, second, point).tolist() == [0, 0, 1]
    assert fol.lie_bracket(second, first, point).tolist() == [0, 0, -1]


@given(networks(PIECEWISE))
def test_piecewise_linear_networks_are_involutive(case):
    model, x = case
    rank, closure = fol.bracket_rank(model, x)
    assert torch.equal(rank, closure)
    defect, size = fol.involutivity_defect(model, x)
    assert (size[rank > 1] > 1e-6).all() and (defect[rank > 1] < 1e-8).all()


def test_saturated_probabilities_do_no_harm():
    """LeNet after ten epochs, on MNIST: for most images p is one-hot to many digits."""
    model, _ = load_checkpoint("10-epochs", 0)
    x, _ = load_mnist("test", 10)
    rank, closure = fol.bracket_rank(model, x)
    assert rank.tolist() == closure.tolist() == [9] * 10
    defect, size = fol.involutivity_defect(model, x)
    assert (defect < 1e-10).all() and (size > 0.01).all()


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("classes", [2, 3, 5, 8])
def test_smooth_networks_are_not(activation, classes):
    torch.manual_seed(classes)
    model = MLP((40, 30, classes), activation).eval()
    x = torch.rand(2, 40)
    rank, closure = fol.bracket_rank(model, x)
    assert rank.tolist() == [classes - 1] * 2
    assert closure.tolist() == [classes * (classes - 1) // 2] * 2
    if classes > 2:
        defect, size = fol.involutivity_defect(model, x)
        assert (defect > 0.05).all() and (size > 1e-3).all()


def test_derivatives_that_are_not_finite_do_not_pass_for_involutive():
    """log(1 + e^(1000 z)) overflows in its second derivative."""
    torch.manual_seed(0)
    model = MLP((6, 8, 4), dtype=torch.float64).eval()
    x = torch.rand(1, 6, dtype=torch.float64)

    def steep(v):
        hidden = torch.logaddexp(1e5 * model[:2](v), torch.zeros(8, dtype=torch.float64))
        return model[3](hidden / 1e5)

    assert torch.isfinite(steep(x)).all()
    for function in (fol.bracket_rank, fol.involutivity_defect):
        with pytest.raises(ValueError, match="not finite"):
            function(steep, x)


def test_no_bracket_is_no_defect():
    """Two classes have one field and no bracket; a linear network has brackets inside D only."""
    torch.manual_seed(0)
    x = torch.rand(2, 6, dtype=torch.float64)
    defect, size = fol.involutivity_defect(MLP((6, 8, 2), nn.Tanh, dtype=torch.float64).eval(), x)
    assert defect.isnan().all() and size.tolist() == [0, 0]
    defect, size = fol.involutivity_defect(MLP((6, 4), dtype=torch.float64).eval(), x)
    assert (defect < 1e-12).all() and (size > 0.01).all()


def test_brackets_of_rank_deficient_networks():
    """Dead units, duplicated classes and few inputs also bound the brackets."""
    torch.manual_seed(0)
    x = torch.rand(2, 9, dtype=torch.float64)
    dead = MLP((9, 5, 6), dtype=torch.float64).eval()
    with torch.no_grad():
        dead[1].bias.fill_(-100)
    few = MLP((4, 12, 6), nn.Tanh, dtype=torch.float64).eval()
    narrow = MLP((9, 2, 6), nn.Tanh, dtype=torch.float64).eval()
    twins = MLP((9, 12, 4), nn.Tanh, dtype=torch.float64).eval()  # two classes of the same score
    with torch.no_grad():
        twins[3].weight[3], twins[3].bias[3] = twins[3].weight[0], twins[3].bias[0]
    for model, inputs, rank, closure in (
        (dead, x, 0, 0),
        (few, x[:, :4], 4, 4),  # D is everything
        (narrow, x, 2, 2),  # the gradients lie in the plane of the two units' weights
        (twins, x, 2, 3),
    ):
        found = fol.bracket_rank(model, inputs)
        assert [v.tolist() for v in found] == [[rank] * 2, [closure] * 2]


def test_brackets_in_the_weights():
    torch.manual_seed(0)
    x = torch.rand(1, 6)
    linear, deep = (fol.weights_as_input(MLP(s).eval(), x) for s in ((6, 4), (6, 8, 4)))
    assert [r.item() for r in fol.bracket_rank(*linear)] == [3, 3]
    assert [r.item() for r in fol.bracket_rank(*deep)] == [3, 6]
    defect, size = fol.involutivity_defect(*deep)
    assert defect > 0.05 and size > 1e-3


def test_weights_as_input_is_the_network():
    torch.manual_seed(0)
    model, x = LeNet(4, 1, 12).eval(), torch.rand(1, 1, 12, 12)
    logits, weights = fol.weights_as_input(model, x)
    assert torch.allclose(logits(weights).float(), model(x), atol=1e-6)
    assert weights.shape == (1, sum(w.numel() for w in model.parameters()))


@given(networks(PIECEWISE))
def test_affine_map_is_the_network_inside_the_region(case):
    model, x = case
    region = fol.linear_region(model, x)
    direction = torch.randn_like(x)
    wall = fol.next_wall(model, x, direction).clamp_max(1)
    shape = (-1,) + (1,) * (x.dim() - 1)
    moved = x + (0.9 * wall).view(shape) * direction
    expected = (region.jacobian @ moved.flatten(1)[:, :, None]).squeeze(2) + region.offset
    assert torch.allclose(model(moved), expected, rtol=1e-12, atol=1e-12)


@given(networks(PIECEWISE))
def test_the_wall_is_exact(case):
    model, x = case
    direction = torch.randn_like(x)
    wall = fol.next_wall(model, x, direction)
    here = fol.linear_region(model, x)
    for k in torch.isfinite(wall).nonzero().flatten().tolist():
        one, step = x[k : k + 1], wall[k] * direction[k : k + 1]
        before, behind = one + 0.999 * step, one + 1.001 * step
        assert fol.linear_region(model, before).name == here.name[k : k + 1]
        assert fol.linear_region(model, behind).name != here.name[k : k + 1]
    assert math.isinf(fol.next_wall(MLP((4, 3)).eval(), torch.rand(1, 4), torch.ones(1, 4)))


def test_smooth_layers_are_refused():
    with pytest.raises(ValueError, match="GELU"):
        fol.linear_region(MLP((4, 5, 3), nn.GELU).eval(), torch.rand(1, 4))
