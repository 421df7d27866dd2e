"""The distribution D = (ker G)^⊥ in the input, its brackets, and the linear regions of a network.

D is spanned by the differences of the gradients of the logits, so it is computed from the logits
in float64 and p does not enter. A ReLU network is affine on each linear region; there D is
constant. (Chapters 4 to 6; Grementieri and Fioresi 2022, Tron and Fioresi 2024.)

Inputs have the batch first; n is the number of entries of one input.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, jvp, vmap

from helpers.information import _check, _contrasts, _input_pullback, logit_jacobian

Field = Callable[[Tensor], Tensor]  # a point (n,) to a vector (n,)
Classifier = Callable[[Tensor], Tensor]  # inputs (B, …) to logits (B, C)

_KINKED = (nn.ReLU, nn.LeakyReLU)
_AFFINE = (
    nn.Linear, nn.Conv2d, nn.Flatten, nn.Unflatten, nn.AvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d,
    nn.Dropout, nn.Identity,
)  # fmt: skip


def leaf_basis(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal basis of D, from the singular value decomposition of the logit Jacobian.

    Args:
        model, x: as in `information.logit_jacobian`.

    Returns:
        Q `(B, C−1, n)`, whose first rows are orthonormal and span D and whose other rows are zero,
        in the dtype of x; and the rank `(B,)`, the number of the first ones.

    Raises:
        ValueError: as in `information.logit_jacobian`.
    """
    _check(model, x)
    wide = copy.deepcopy(model).double()
    rows = torch.cat([u for _, u in _input_pullback(wide, x.double(), _contrasts)])
    q, rank = orthonormal_basis(rows)
    return q.to(x), rank


def orthonormal_basis(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal basis of the span of some rows, which may depend on each other.

    The singular values of the rows decide about the rank, in float64; those below the round-off of
    the rows' own dtype count as zero. A QR decomposition alone would fill the basis with round-off.

    Args:
        rows: `(…, K, n)`.

    Returns:
        Q `(…, K, n)` in the dtype of the rows, whose first rows are orthonormal and whose other
        rows are zero; and the rank `(…)`, the number of the first ones.
    """
    q, r = torch.linalg.qr(rows.double().mT)  # first to a small matrix: three times as fast
    u, values, _ = torch.linalg.svd(r, full_matrices=False)
    kept = values > max(rows.shape[-2:]) * torch.finfo(rows.dtype).eps * values[..., :1]
    basis = torch.zeros_like(rows)
    basis[..., : u.shape[-1], :] = ((q @ u).mT * kept[..., None]).to(rows)
    return basis, kept.sum(-1)


def leaf_projection(basis: Tensor, vector: Tensor) -> Tensor:
    """Part of a vector in D.

    Args:
        basis: Q `(B, C−1, n)` from `leaf_basis`.
        vector: `(B, …)` with n entries each.

    Returns:
        The projection, of the shape of `vector`.
    """
    flat = vector.flatten(1)[:, :, None]
    return (basis.mT @ (basis @ flat)).view_as(vector)


def kernel_projection(basis: Tensor, vector: Tensor) -> Tensor:
    """Part of a vector in ker G, the complement of D (see `leaf_projection`)."""
    return vector - leaf_projection(basis, vector)


def lie_bracket(field_i: Field, field_j: Field, x: Tensor) -> Tensor:
    """The bracket [X, Y] = DY·X − DX·Y of two vector fields at a point.

    Args:
        field_i, field_j: X and Y, differentiable functions of a point `(n,)` to a vector `(n,)`.
        x: the point, shape `(n,)`.
    """
    x = x.clone()  # forward derivatives of a part of a large tensor would copy all of it
    return jvp(field_j, (x,), (field_i(x),))[1] - jvp(field_i, (x,), (field_j(x),))[1]


def weights_as_input(model: nn.Module, x: Tensor) -> tuple[Classifier, Tensor]:
    """The logits at one input as a function of the weights, for the brackets in the weights.

    Args:
        model: classifier in evaluation mode.
        x: one input with its batch axis, `(1, …)`.

    Returns:
        A function of weights `(B, P)` to logits `(B, C)`, and the weights of the model `(1, P)`,
        both in float64.
    """
    parts = {k: w.detach().double() for k, w in model.named_parameters()}

    def logits(weights: Tensor) -> Tensor:
        pieces = weights.split([w.numel() for w in parts.values()])
        named = {k: v.view_as(w) for (k, w), v in zip(parts.items(), pieces, strict=True)}
        return functional_call(model, named, (x.double(),))[0]

    return vmap(logits), torch.cat([w.flatten() for w in parts.values()])[None]


def _brackets(model: Classifier, x: Tensor, tolerance: float) -> tuple[int, int, float, float]:
    """Rank, closure, defect and size (see the two functions below) at one point `(1, …)`."""
    if isinstance(model, nn.Module):
        _check(model, x)
        model = copy.deepcopy(model).double()
    x = x.double().clone()  # forward derivatives of a part of a large tensor would copy all of it
    # D does not depend on p, so a constant may be added to each logit. These make p proportional
    # to 1, 2, …, C at x. Where p is saturated the second derivatives drown in round-off; where it
    # is uniform the brackets inside D vanish, and there is nothing to see an angle in.
    here = model(x)[0].detach()
    shift = torch.arange(1, len(here) + 1, dtype=here.dtype, device=here.device).log() - here

    def scores(point: Tensor) -> Tensor:
        return jacrev(lambda v: (model(v.view_as(x))[0] + shift).log_softmax(0))(point)

    point = x.flatten()
    u, s, basis = torch.linalg.svd(scores(point), full_matrices=False)
    rank = int((s > tolerance * s[0]).sum())
    basis = basis[:rank]
    frame = (u[:, :rank] / s[:rank]).T  # frame @ score fields = basis
    # along[a, j] is the derivative of score field j along field a of the frame. So moved[a, b] is
    # that of field b of the frame, and sizes[a, b] that of its terms, without cancellation.
    along = vmap(lambda direction: jvp(scores, (point,), (direction,))[1])(basis)
    moved = torch.einsum("bj,ajn->abn", frame, along)
    sizes = along.norm(dim=2) @ frame.abs().T
    a, b = torch.triu_indices(rank, rank, 1)
    bracket, scale = moved[a, b] - moved[b, a], sizes[a, b] + sizes[b, a]
    if not torch.isfinite(bracket).all():  # would count as vanishing below
        raise ValueError("a second derivative of the logits is not finite at an input")
    outside = bracket - bracket @ basis.T @ basis
    size = bracket.norm(dim=1) / scale
    seen = size > tolerance
    if not seen.any():
        return rank, rank, float("nan"), 0.0
    more = torch.linalg.matrix_rank(outside[seen] / scale[seen, None], atol=tolerance)
    sine = outside[seen].norm(dim=1) / bracket[seen].norm(dim=1)
    return rank, rank + int(more), sine.max().item(), size.max().item()


def bracket_rank(model: Classifier, x: Tensor, tolerance: float = 1e-9) -> tuple[Tensor, Tensor]:
    """Dimension of D and of D + [D, D], from the brackets of score fields ∇log p_i.

    D is involutive at a point exactly if the two agree near it. The score fields span D, and the
    brackets of any other fields that do so add no further dimension.

    Args:
        model: network, or any function of inputs `(B, …)` to logits `(B, C)`, twice differentiable
            at x; for the weights see `weights_as_input`.
        x: inputs `(B, …)`; the computation is in float64.
        tolerance: of the ranks, relative to the largest singular value.

    Returns:
        Two int64 tensors `(B,)`.

    Raises:
        ValueError: a second derivative is not finite; else as in `information.logit_jacobian`.
    """
    found = [_brackets(model, one[None], tolerance)[:2] for one in x]
    rank, closure = torch.tensor(found).unbind(1)
    return rank, closure


def involutivity_defect(
    model: Classifier, x: Tensor, tolerance: float = 1e-9
) -> tuple[Tensor, Tensor]:
    """How far the brackets of D lie outside D, and how large they are.

    The fields are combinations of the score fields, with constant coefficients, that are
    orthonormal at x. Other coefficients change a bracket by a vector in D only.

    Args:
        model, x, tolerance: as in `bracket_rank`.

    Returns:
        The largest sine of the angle between a bracket and D `(B,)`, `nan` if every bracket
        vanishes; and the largest norm of a bracket over the norms of the derivatives that it is
        made of `(B,)`, between 0 and 1. The sine means something only if the second number is not
        round-off.

    Raises:
        ValueError: as in `bracket_rank`.
    """
    found = [_brackets(model, one[None], tolerance)[2:] for one in x]
    sine, size = torch.tensor(found, dtype=torch.float64).unbind(1)
    return sine, size


class LinearRegion(NamedTuple):
    """The region of each input of a piecewise linear network, and the affine map on it.

    Attributes:
        pattern: sign of every unit's input (1 on, 0 off) and place of the maximum in every pooling
            window, int64 `(B, units)`.
        name: hash of the pattern, one string an input; equal names mean equal patterns.
        jacobian: J `(B, C, n)` with logits = Jx + offset on the region.
        offset: `(B, C)`.
    """

    pattern: Tensor
    name: list[str]
    jacobian: Tensor
    offset: Tensor


def _switches(model: nn.Module, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs of the kinked units `(B, units)`, entries of the pooling windows `(B, windows, k)`."""
    for module in model.modules():
        leaf = not list(module.children())
        if leaf and not isinstance(module, (*_KINKED, *_AFFINE, nn.MaxPool2d)):
            raise ValueError(f"{type(module).__name__} is not piecewise linear, or not known here")
    units: list[Tensor] = []
    windows: list[Tensor] = []

    def unit(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        units.append(inputs[0].flatten(1))

    def window(pool: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        z, k = inputs[0], pool.kernel_size
        parts = nn.functional.unfold(z, k, pool.dilation, pool.padding, pool.stride)  # type: ignore[arg-type]
        channels, size = z.shape[1], parts.shape[1] // z.shape[1]
        windows.append(parts.unflatten(1, (channels, size)).transpose(2, 3).flatten(1, 2))

    hooks = [m.register_forward_pre_hook(unit) for m in model.modules() if isinstance(m, _KINKED)]
    hooks += [
        m.register_forward_pre_hook(window) for m in model.modules() if isinstance(m, nn.MaxPool2d)
    ]
    try:
        model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return units, windows


def linear_region(model: nn.Module, x: Tensor) -> LinearRegion:
    """The linear region of each input, by the activation pattern, and the affine map on it.

    Args:
        model, x: as in `information.logit_jacobian`; layers with ReLU, leaky ReLU, maximum and
            average pooling, linear, convolution, batch normalisation.

    Raises:
        ValueError: a layer that is not piecewise linear; else as in `information.logit_jacobian`.
    """
    _check(model, x)
    with torch.no_grad():
        units, windows = _switches(model, x)
    parts = [(z > 0).long() for z in units] + [w.argmax(2) for w in windows]
    pattern = torch.cat([*parts, torch.zeros(len(x), 0, dtype=torch.long)], 1)
    name = [hashlib.sha256(row.numpy().tobytes()).hexdigest()[:16] for row in pattern.cpu()]
    logits, jacobian = logit_jacobian(model, x)
    offset = logits - (jacobian @ x.flatten(1)[:, :, None]).squeeze(2)
    return LinearRegion(pattern, name, jacobian, offset)


def next_wall(model: nn.Module, x: Tensor, direction: Tensor) -> Tensor:
    """Exact distance along a ray to the next change of the activation pattern, without a step size.

    Along a ray inside a region the input of every unit is affine, z + t z', so it changes its sign
    at t = −z/z'. The smallest positive t is where the region ends. In a pooling window the same
    holds for the difference between the maximum and another entry.

    Args:
        model, x: as in `linear_region`.
        direction: `(B, …)` like x.

    Returns:
        t `(B,)` for the rays x + t·direction: multiples of the length of `direction`; infinite if
        no unit ever changes.

    Raises:
        ValueError: as in `linear_region`.
    """
    return _crossings(model, x, direction)[0].amin(1)


def _crossings(
    model: nn.Module, x: Tensor, direction: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Where every unit changes along the rays `(B, units)`, and the inputs of the units."""
    _check(model, x)

    def gaps(point: Tensor) -> Tensor:
        units, windows = _switches(model, point)
        for w, top in zip(windows, tops, strict=True):
            units.append((w.gather(2, top) - w).flatten(1))
        return torch.cat([*units, 1 + 0 * point.flatten(1)[:, :1]], 1)

    with torch.no_grad():
        tops = [w.argmax(2, keepdim=True) for w in _switches(model, x)[1]]
        z, slope = jvp(gaps, (x.clone(),), (direction.clone(),))  # type: ignore[misc]
    t = -z / slope
    return torch.where(t > 0, t, torch.inf), gaps


def wall_ahead(model: nn.Module, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """`next_wall`, and the normal of the wall: the gradient at x of what changes its sign there.

    Args:
        model, x, direction: as in `next_wall`.

    Returns:
        t `(B,)`, and the normal `(B, …)` like x, not of unit length; zero if t is infinite.

    Raises:
        ValueError: as in `linear_region`.
    """
    t, gaps = _crossings(model, x, direction)
    t, unit = t.min(1)
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        changing = gaps(point).gather(1, unit[:, None])[torch.isfinite(t)]
        (normal,) = torch.autograd.grad(changing.sum(), point)
    return t, normal
