"""The two matrices against their definitions, on random networks."""

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from helpers import information as info
from helpers.models import MLP, LeNet

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


@st.composite
def cases(draw):
    """A random network with C from 2 to 12, and a batch of random inputs for it."""
    torch.manual_seed(draw(st.integers(0, 10_000)))
    dtype = draw(st.sampled_from(list(TOLERANCE)))
    activation = draw(st.sampled_from([nn.ReLU, nn.LeakyReLU, nn.GELU, nn.Tanh]))
    classes, batch = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        n = draw(st.integers(1, 20))
        hidden = draw(st.lists(st.integers(1, 12), max_size=2))
        model, shape = MLP((n, *hidden, classes), activation, dtype=dtype), (n,)
    else:
        channels, pooling = (
            draw(st.sampled_from([1, 3])),
            draw(st.sampled_from([nn.AvgPool2d, nn.MaxPool2d])),
        )
        model = LeNet(classes, channels, 12, activation, pooling, dtype=dtype)
        shape = (channels, 12, 12)
    with torch.no_grad():  # sharper than the default initialisation, so that p is not uniform
        for weight in model.parameters():
            weight *= 1.5
    return model.eval(), torch.rand(batch, *shape, dtype=dtype)


def weighted_scores(model, x, weights=False):
    """√p_y and ∇log p_y for one input, one autograd.grad a class."""
    x = x.clone().requires_grad_()
    log_p = model(x[None])[0].log_softmax(0)
    targets = list(model.parameters()) if weights else [x]
    scores = []
    for value in log_p:
        grads = torch.autograd.grad(value, targets, retain_graph=True)
        scores.append(torch.cat([g.flatten() for g in grads]))
    return log_p.detach().exp().sqrt(), torch.stack(scores)


def by_definition(model, x, weights=False):
    """Σ_y p_y ∇log p_y ∇log p_yᵀ, term by term."""
    roots, scores = weighted_scores(model, x, weights)
    return sum(r**2 * torch.outer(s, s) for r, s in zip(roots, scores, strict=True))


def reach(model):
    """How large a Jacobian of these weights may be. Where it is small because terms cancel, their
    rounding stays: a result is right relative to this.
    """
    return math.prod(w.detach().norm().item() for w in model.parameters() if w.dim() > 1)


def rounding(dtype, terms):
    """What the rounding of terms of this size may leave of a sum that is zero."""
    return 4 * torch.finfo(dtype).eps * terms + torch.finfo(dtype).tiny


def close(found, expected, dtype, terms=0.0):
    size = expected.norm()
    return (found - expected).norm() <= TOLERANCE[dtype] * size + rounding(dtype, terms)


@given(cases())
def test_local_data_matrix_is_its_definition(case):
    model, x = case
    for found, one in zip(info.local_data_matrix(model, x), x, strict=True):
        expected = by_definition(model, one)
        assert close(found, expected, x.dtype, expected.norm().sqrt() * reach(model))


@given(cases())
def test_factor_and_jacobian(case):
    model, x = case
    logits, jacobian = info.logit_jacobian(model, x)
    factor = info.score_factor(model, x)
    n = x[0].numel()
    assert jacobian.shape == factor.shape == (len(x), logits.shape[1], n)
    assert {logits.dtype, jacobian.dtype, factor.dtype} == {x.dtype}
    assert torch.equal(logits, model(x).detach()) or torch.allclose(logits, model(x).detach())
    for j, one in zip(jacobian, x, strict=True):
        expected = torch.autograd.functional.jacobian(lambda v: model(v[None])[0], one)
        assert close(j, expected.reshape(-1, n), x.dtype, reach(model))
    p = logits.softmax(1)
    centred = jacobian - (p[:, None] @ jacobian)
    for found, right in zip(factor, p.sqrt()[:, :, None] * centred, strict=True):
        assert close(found, right, x.dtype, reach(model))


@given(cases())
def test_spectrum_is_that_of_the_big_matrix(case):
    model, x = case
    n, factor = x[0].numel(), info.score_factor(model, x)
    found = info.spectrum(factor)
    assert found.shape == factor.shape[:2] and (found >= 0).all()
    assert (found[:, :-1] >= found[:, 1:]).all()
    wide = factor.double()
    expected = torch.linalg.eigvalsh(wide.mT @ wide).flip(-1)[:, : found.shape[1]]
    size = expected[:, :1].clamp_min(1e-300)
    assert ((found[:, :n] - expected).abs() <= TOLERANCE[x.dtype] * size).all()
    assert (found[:, n:] == 0).all() or found[:, n:].max() <= 1e-15 * found.max()
    streamed = info.data_spectrum(model, x)
    left = rounding(x.dtype, size.sqrt() * reach(model))
    assert ((found - streamed).abs() <= 2 * TOLERANCE[x.dtype] * size + left).all()


@given(cases())
def test_rank_is_below_the_number_of_classes(case):
    """One eigenvalue of C is round-off: Σ p_i ∇log p_i = 0."""
    model, x = case
    values = info.spectrum(info.score_factor(model.double(), x.double()))
    assert (values[:, -1] <= 1e-14 * values[:, 0]).all()


def test_a_nearly_certain_network_keeps_its_small_eigenvalues():
    """p = 1 − 10⁻⁹: against the definition with ∇log p_i = Σ_k p_k (a_i − a_k), in 50 digits."""
    torch.manual_seed(0)
    model = nn.Linear(6, 4, dtype=torch.float64).eval()
    with torch.no_grad():
        model.bias.copy_(torch.tensor([21.0, 0, -2, 1]))
    x = torch.rand(1, 6, dtype=torch.float64)
    factor, a = info.score_factor(model, x)[0], model.weight.detach()
    with mpmath.workdps(50):
        logits = [mpmath.mpf(v) for v in model(x)[0].tolist()]
        e = [mpmath.exp(s) for s in logits]
        p = [v / sum(e) for v in e]
        rows = mpmath.matrix(a.tolist())
        expected = [
            [
                float(mpmath.sqrt(p[i]) * sum(p[k] * (rows[i, j] - rows[k, j]) for k in range(4)))
                for j in range(6)
            ]
            for i in range(4)
        ]
    expected = torch.tensor(expected, dtype=torch.float64)
    for found, right in zip(factor, expected, strict=True):
        assert (found - right).norm() < 1e-12 * right.norm()


@given(cases())
def test_fisher_is_its_definition(case):
    model, x = case
    factor = info.fisher_factor(model, x)
    for b, one in zip(factor, x, strict=True):
        roots, scores = weighted_scores(model, one, weights=True)
        assert close(b, roots[:, None] * scores, x.dtype)
        if b.shape[1] < 1000:  # the P × P matrix itself, where it is small
            assert close(b.T @ b, by_definition(model, one, weights=True), x.dtype)
    alone = torch.cat([info.fisher_factor(model, one[None]) for one in x])
    assert close(factor, alone, x.dtype)
    values, streamed = info.spectrum(factor), info.fisher_spectrum(model, x)
    assert ((values - streamed).abs() <= 2 * TOLERANCE[x.dtype] * values[:, :1]).all()


def test_fisher_information_is_the_product_of_its_factor():
    torch.manual_seed(0)
    model, x = MLP((4, 5, 3)).eval(), torch.rand(2, 4)
    f, b = info.fisher_information(model, x), info.fisher_factor(model, x)
    assert f.shape == (2, 43, 43) and torch.equal(f, b.mT @ b)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_many_images_are_no_different(dtype):
    """Several blocks, in the layout for many images, against each image by itself."""
    torch.manual_seed(0)
    assert info.BLOCK < 300 * 784  # more than one block for images of MNIST
    for size in (12, 28):
        model, x = (
            LeNet(4, 1, size, dtype=dtype).eval(),
            torch.rand(300, 1, size, size, dtype=dtype),
        )
        factor = info.score_factor(model, x)
        for k in range(0, 300, 7):
            assert close(factor[k], info.score_factor(model, x[k : k + 1])[0], dtype)


class Scaled(nn.Module):
    """A network whose logits are not the output of its last linear layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return 2 * self.inner(x)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("features", [1, 3, 10, 11, 12, 40])
def test_features_in_front_of_the_last_layer(features, wrapped, dtype):
    """C = 12: with fewer than 11 features the pull-back starts at them, and nothing changes."""
    torch.manual_seed(features)
    conv = nn.Conv2d(3, features, 3, dtype=dtype)
    last = nn.Linear(features, 12, dtype=dtype)
    model = nn.Sequential(conv, nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    model, x = (Scaled(model) if wrapped else model).eval(), torch.rand(2, 3, 9, 9, dtype=dtype)
    for factor, values, jacobian, one in zip(
        info.score_factor(model, x),
        info.data_spectrum(model, x),
        info.logit_jacobian(model, x)[1],
        x,
        strict=True,
    ):
        g = by_definition(model, one)
        assert close(factor.T @ factor, g, dtype)
        expected = torch.linalg.eigvalsh(g).flip(0)[:12]
        assert (values - expected).abs().max() <= 2 * TOLERANCE[dtype] * expected[0]
        if not wrapped:
            assert (values[min(features, 11) :] <= 1e-14 * values[0]).all()
        other = torch.autograd.functional.jacobian(lambda v: model(v[None])[0], one)
        assert close(jacobian, other.flatten(1), dtype)
    assert not last._forward_hooks and not last._forward_pre_hooks


def test_fewer_features_mean_fewer_backward_passes():
    x = torch.rand(1, 50)
    for features, rows in ((5, 5), (120, 99)):
        model = MLP((50, features, 100)).eval()
        ((_, left, pulled),) = info._pullback(model, x, info._contrasts)
        assert pulled.shape == (1, rows, 50) and (left is None) == (features == 120)


def test_one_large_image():
    """Several rows in one backward pass, and the Gram matrix in pieces, in float64."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 40, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(40, 150),
    ).eval()  # fmt: skip
    x = torch.rand(1, 3, 270, 270)
    assert x.numel() > info.BLOCK and 40 * x.numel() > 2**23
    factor = info.score_factor(model, x)[0].double()
    expected = torch.linalg.eigvalsh(factor @ factor.T).flip(0)
    for values in (info.data_spectrum(model, x)[0], info.spectrum(factor[None])[0]):
        assert torch.allclose(values[:40].double(), expected[:40], rtol=1e-5)
    # Forty features, and the rest is round-off of the float64 product, not of float32.
    assert info.data_spectrum(model, x)[0, 40:].max() < 1e-13 * expected[0]


def test_nothing_of_the_model_or_the_input_changes():
    model, x = LeNet().eval(), torch.rand(2, 1, 28, 28)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    info.score_factor(model, x), info.fisher_spectrum(model, x)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(w.grad is None and w.requires_grad for w in model.parameters())
    assert not x.requires_grad and x.grad is None


def test_a_caller_may_have_switched_gradients_off():
    torch.manual_seed(0)
    model, x = MLP((4, 5, 3)).eval(), torch.rand(2, 4)
    for function in FUNCTIONS:
        expected = function(model, x)
        with torch.no_grad():
            found = function(model, x)
        assert torch.equal(found[-1], expected[-1])


FUNCTIONS = [
    info.logit_jacobian, info.score_factor, info.local_data_matrix, info.data_spectrum,
    info.fisher_factor, info.fisher_information, info.fisher_spectrum,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_wrong_input_is_refused(function):
    model, x = MLP((3, 2)), torch.rand(2, 3)
    with pytest.raises(ValueError, match="training mode"):
        function(model.train(), x)
    model.eval()
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        function(model, x[:0])
    with pytest.raises(ValueError, match=r"\(3,\)"):
        function(model, x[0])
    with pytest.raises(ValueError, match="not finite"):
        function(model, x * float("nan"))
    with pytest.raises(ValueError, match=r"C ≥ 2"):
        function(nn.Linear(3, 1).eval(), x)


def test_too_large_is_refused_before_it_is_built():
    model = MLP((150_528, 2)).eval()
    with pytest.raises(MemoryError, match=r"84\.4 GiB.*data_spectrum"):
        info.local_data_matrix(model, torch.rand(1, 3, 224, 224))
    with pytest.raises(MemoryError, match=r"GiB.*fisher_spectrum"):
        info.fisher_factor(LeNet().eval(), torch.rand(2000, 1, 28, 28))
    with pytest.raises(MemoryError, match=r"GiB.*fisher_factor"):
        info.fisher_information(LeNet().eval(), torch.rand(1, 1, 28, 28))
    with pytest.raises(ValueError, match=r"\(4, 3\)"):
        info.spectrum(torch.rand(4, 3))


def exact(a, b):
    """KL divergence and Fisher–Rao distance with 700 digits."""
    with mpmath.workdps(700):
        p, q = ([mpmath.e ** mpmath.mpf(v) for v in t.tolist()] for t in (a, b))
        p, q = ([v / sum(t) for v in t] for t in (p, q))
        pairs = list(zip(p, q, strict=True))
        chord = mpmath.sqrt(sum((mpmath.sqrt(u) - mpmath.sqrt(v)) ** 2 for u, v in pairs))
        kl = sum(u * mpmath.log(u / v) for u, v in pairs)
        return float(kl), float(4 * mpmath.asin(chord / 2))


@given(
    st.integers(0, 10_000), st.integers(2, 12), st.floats(-2, 2.7), st.floats(-14, 2.7)
)  # fmt: skip
def test_divergence_and_distance_to_all_digits(seed, classes, log_scale, log_gap):
    """From nearly uniform to one-hot, from equal to 14 digits to hundreds of nats apart."""
    torch.manual_seed(seed)
    a = torch.randn(classes, dtype=torch.float64) * 10**log_scale
    b = a + torch.randn(classes, dtype=torch.float64) * 10**log_gap
    kl, distance = exact(a, b)
    assert info.kl_divergence(a, b).item() == pytest.approx(kl, rel=1e-11, abs=1e-290)
    assert info.fisher_rao_distance(a, b).item() == pytest.approx(distance, rel=1e-11, abs=1e-140)
    assert info.kl_divergence(a, a + 3).item() == pytest.approx(0, abs=1e-20)


def test_zero_probabilities():
    inf = torch.inf
    label, scores = torch.tensor([0, -inf, -inf]), torch.tensor([5.0, 4, 2])
    assert torch.isclose(info.kl_divergence(label, scores), -scores.log_softmax(0)[0])
    assert info.kl_divergence(scores, label) == inf
    assert torch.isclose(info.kl_divergence(label, scores - 400 * label.isinf()), torch.tensor(0.0))
    opposite = torch.tensor([-inf, 0, -inf])
    assert torch.isclose(info.fisher_rao_distance(label, opposite), torch.tensor(torch.pi))


def test_batches_broadcast_and_shapes_are_checked():
    a, b = torch.randn(5, 1, 4), torch.randn(3, 4)
    for function in (info.kl_divergence, info.fisher_rao_distance):
        table = function(a, b)
        assert table.shape == (5, 3) and table.dtype == torch.float32
        assert torch.isclose(table[2, 1], function(a[2, 0], b[1]))
        with pytest.raises(ValueError, match=r"\(3, 4\)"):
            function(b, torch.randn(3, 5))
