"""Scores, the two matrices of the course, and distances between distributions.

For logits s(x, w) and p = softmax(s), with Σ = diag(p) − ppᵀ,

    G(x, w) = E_{y~p}[∇ₓ log p_y ∇ₓ log p_yᵀ] = JᵀΣJ,   J = ∂s/∂x   (local data matrix)
    F(x, w) = the same with the gradient in the weights             (Fisher information)

Both have rank below C, so neither is built: with A = diag(√p)(J − 1pᵀJ), of C rows, G = AᵀA, and
everything follows from the C × C Gram matrix AAᵀ. Only differences of logits matter, hence C − 1
backward passes, along an orthonormal basis of the vectors whose entries sum to 0. (Chapter 3;
Amari 1998 for F, Grementieri and Fioresi 2022 for G.)

Inputs have the batch first; n is the number of entries of one input, P of all weights. Answers
have the dtype and device of the input; what is only C × C is computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

# Entries of one block of gradients, in the input and in the weights: the work that surrounds a
# block should stay in the processor's cache. Found with bench/bench.py.
BLOCK = 200_000
WEIGHT_BLOCK = 9_000_000
# A batch of n × n matrices above this size is refused.
LARGEST_BYTES = 4 * 2**30


def _check(model: nn.Module, x: Tensor) -> None:
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() first")
    if x.dim() < 2 or x.numel() == 0:
        raise ValueError(f"expected a batch of inputs (B, …), got shape {tuple(x.shape)}")
    if not torch.isfinite(x).all():
        raise ValueError("the input holds values that are not finite")


def _check_logits(logits: Tensor) -> None:
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise ValueError(f"expected logits (B, C) with C ≥ 2, got shape {tuple(logits.shape)}")


def _refuse_large(entries: int, like: Tensor, what: str, instead: str) -> None:
    size = entries * like.element_size()
    if size > LARGEST_BYTES:
        raise MemoryError(f"{what} would take {size / 2**30:.1f} GiB; use {instead} instead")


def _contrasts(classes: int) -> Tensor:
    """Orthonormal basis of the vectors with sum 0, as rows `(C−1, C)` in float64 (Helmert)."""
    rows = torch.tril(torch.ones(classes - 1, classes, dtype=torch.float64))
    rows -= torch.diag(torch.arange(1.0, classes, dtype=torch.float64), 1)[:-1]
    return rows / rows.norm(dim=1, keepdim=True)


def _last_linear(model: nn.Module, x: Tensor) -> tuple[Tensor, nn.Linear | None]:
    """The logits, and the linear layer whose output they are, if there is one."""
    found: list[tuple[nn.Linear, Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: found.append((layer, out)))
        for layer in model.modules()
        if isinstance(layer, nn.Linear)
    ]
    try:
        with torch.no_grad():
            logits = model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return logits, next((layer for layer, out in found if out is logits), None)


def _pullback(
    model: nn.Module, x: Tensor, rows_of: Callable[[int], Tensor]
) -> Iterator[tuple[Tensor, Tensor | None, Tensor]]:
    """Logits `(b, C)`, L and U with `rows_of(C) @ J = L @ U`, block by block of the batch.

    L is None, for the identity, unless the logits come from a linear layer with fewer inputs than
    there are rows. Then U is the Jacobian of these inputs, and needs fewer backward passes.
    """
    weights = {k: v.detach() for k, v in model.state_dict().items()}
    probe, layer = _last_linear(model, x[:1])
    _check_logits(probe)
    rows, left = rows_of(probe.shape[1]).to(probe), None
    inputs: list[Tensor] = []
    hook = None
    if layer is not None and layer.in_features < len(rows):
        left = rows @ layer.weight.detach()
        rows = torch.eye(layer.in_features).to(probe)
        hook = layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    size = max(1, BLOCK // x[0].numel())
    # Convolutions of many images are faster in this layout, but in float64, which oneDNN does not
    # know, they take twice as long; a few images are bound by other things.
    many = x.dim() == 4 and len(x) >= 32 and x.dtype == torch.float32
    layout = torch.channels_last if many else torch.preserve_format
    try:
        for block in x.split(size):
            # One large image would leave the small layers idle with one row at a time.
            together = max(1, BLOCK // block.numel(), 8 // len(block))
            inputs.clear()
            with torch.enable_grad():  # also for a caller under no_grad
                block = block.detach().to(memory_format=layout).requires_grad_()
                logits = functional_call(model, weights, (block,))
            target = inputs[-1] if hook else logits
            u = block.new_empty(len(rows), len(block), block[0].numel())
            for part, to in zip(rows.split(together), u.split(together), strict=True):
                # Many images: one backward pass a row is fastest. Few: several rows in one pass.
                cotangents = part[:, None].expand(-1, len(block), -1)
                batched = len(part) > 1
                given = cotangents if batched else cotangents[0]
                (found,) = torch.autograd.grad(
                    target, block, given, retain_graph=True, is_grads_batched=batched
                )
                to.copy_(found.reshape(to.shape))
            yield logits.detach(), left, u.transpose(0, 1)
    finally:
        if hook:
            hook.remove()


def _input_pullback(
    model: nn.Module, x: Tensor, rows_of: Callable[[int], Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits `(b, C)` and `rows_of(C) @ J`, `(b, K, n)`, block by block of the batch."""
    for logits, left, u in _pullback(model, x, rows_of):
        yield logits, u if left is None else left @ u


def _weight_pullback(model: nn.Module, x: Tensor) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Logits `(b, C)` and the contrasts of ∂s/∂w, one tensor `(b, C−1, …)` for each parameter."""
    weights = {k: v.detach() for k, v in model.named_parameters()}
    with torch.no_grad():
        probe = model(x[:1])
    _check_logits(probe)
    rows = _contrasts(probe.shape[1]).to(probe)

    def one(example: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        logits, pull = vjp(lambda w: functional_call(model, w, (example[None],))[0], weights)  # type: ignore[misc]
        return logits, vmap(lambda row: pull(row)[0])(rows)

    size = max(1, WEIGHT_BLOCK // (len(rows) * sum(w.numel() for w in weights.values())))
    for block in x.split(size):
        logits, gradients = vmap(one)(block)
        yield logits, [g.flatten(2) for g in gradients.values()]


def _weighting(logits: Tensor) -> Tensor:
    """M with A = M (contrasts of J): diag(√p)(I − 1pᵀ)Hᵀ, `(B, C, C−1)` in float64."""
    p = logits.double().softmax(1)
    h = _contrasts(p.shape[1]).to(p.device).T
    # 1 − p_i as the sum of the others: where p_i is nearly 1 the difference would lose its digits.
    others = 1 - torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    mixing = torch.diag_embed(p @ others) - p[:, None] * others
    return p.sqrt()[:, :, None] * (mixing @ h)


def _gram(logits: Tensor, contrasts: Tensor, left: Tensor | None = None) -> Tensor:
    """AAᵀ `(B, C, C)` in float64 from the Gram matrix UUᵀ, where L @ U are the contrasts of J."""
    m = _weighting(logits)
    if left is not None:
        m = m @ left.double()
    return m @ contrasts.double() @ m.mT


def _row_products(u: Tensor) -> Tensor:
    """UUᵀ in float64, without a copy of a large U in float64."""
    parts = u.split(max(1, 2**24 // (u.shape[0] * u.shape[1])), 2)
    return torch.stack([(p := part.double()) @ p.mT for part in parts]).sum(0)


def _descending(gram: Tensor, like: Tensor) -> Tensor:
    # A Gram matrix has no negative eigenvalue; round-off below zero is cut off.
    return torch.linalg.eigvalsh(gram).flip(-1).clamp_min(0).to(like)


def logit_jacobian(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and their derivative in the input, J = ∂s/∂x.

    Args:
        model: classifier in evaluation mode, inputs `(B, …)` to logits `(B, C)`, each example
            treated by itself.
        x: inputs `(B, …)`; n entries each.

    Returns:
        Logits `(B, C)` and J `(B, C, n)`, in logits per unit of the input.

    Raises:
        ValueError: model in training mode, empty batch, input not finite, fewer than two classes.
    """
    _check(model, x)
    blocks = list(_input_pullback(model, x, torch.eye))
    return torch.cat([s for s, _ in blocks]), torch.cat([j for _, j in blocks])


def score_factor(model: nn.Module, x: Tensor) -> Tensor:
    """The factor A of the local data matrix, G = AᵀA.

    Row i of A is √p_i ∇ₓ log p_i = √p_i (∇s_i − Σ_k p_k ∇s_k).

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        A, shape `(B, C, n)`.

    Raises:
        ValueError: as in `logit_jacobian`.
    """
    _check(model, x)
    factors = []
    for logits, left, u in _pullback(model, x, _contrasts):
        m = _weighting(logits)
        factors.append((m if left is None else m @ left.double()).to(u) @ u)
    return factors[0] if len(factors) == 1 else torch.cat(factors)  # a large one is not copied


def local_data_matrix(model: nn.Module, x: Tensor) -> Tensor:
    """The local data matrix G itself; for its spectrum or kernel use `score_factor`.

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        G, shape `(B, n, n)`, in squared nats per squared unit of the input.

    Raises:
        ValueError: as in `logit_jacobian`.
        MemoryError: the answer would be larger than `LARGEST_BYTES`.
    """
    _check(model, x)
    _refuse_large(len(x) * x[0].numel() ** 2, x, "G", "score_factor or data_spectrum")
    factor = score_factor(model, x)
    return factor.mT @ factor


def spectrum(factor: Tensor) -> Tensor:
    """Eigenvalues of AᵀA from its factor A, largest first.

    They come from the C × C Gram matrix in float64, so those below about 10⁻¹⁵ of the largest are
    round-off, and at least one is zero for a score factor.

    Args:
        factor: A, shape `(B, C, n)`.

    Returns:
        Eigenvalues `(B, C)`; if n < C the last C − n are zero.

    Raises:
        ValueError: another number of axes than three.
    """
    if factor.dim() != 3:
        raise ValueError(f"expected a factor (B, C, n), got shape {tuple(factor.shape)}")
    return _descending(_row_products(factor), factor)


def data_spectrum(model: nn.Module, x: Tensor) -> Tensor:
    """`spectrum(score_factor(model, x))` in little memory: no factor outlives its block.

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        Eigenvalues of G, shape `(B, C)`, largest first.

    Raises:
        ValueError: as in `logit_jacobian`.
    """
    _check(model, x)
    grams = []
    for logits, left, u in _pullback(model, x, _contrasts):
        grams.append(_gram(logits, _row_products(u), left))
    return _descending(torch.cat(grams), x)


def fisher_factor(model: nn.Module, x: Tensor) -> Tensor:
    """The factor B of the Fisher information in the weights, F = BᵀB, example by example.

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        B, shape `(B, C, P)`, the weights in the order of `model.parameters()`.

    Raises:
        ValueError: as in `logit_jacobian`.
        MemoryError: the answer would be larger than `LARGEST_BYTES`.
    """
    _check(model, x)
    weights = sum(w.numel() for w in model.parameters())
    with torch.no_grad():
        classes = model(x[:1]).shape[-1]
    _refuse_large(len(x) * classes * weights, x, "the Fisher factor", "fisher_spectrum")
    blocks = _weight_pullback(model, x)
    return torch.cat([_weighting(s).to(x) @ torch.cat(u, 2) for s, u in blocks])


def fisher_information(model: nn.Module, x: Tensor) -> Tensor:
    """The Fisher information F in the weights, example by example; for small networks only.

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        F, shape `(B, P, P)`, the weights in the order of `model.parameters()`.

    Raises:
        ValueError: as in `logit_jacobian`.
        MemoryError: the answer would be larger than `LARGEST_BYTES`.
    """
    _check(model, x)
    weights = sum(w.numel() for w in model.parameters())
    _refuse_large(len(x) * weights**2, x, "F", "fisher_factor or fisher_spectrum")
    factor = fisher_factor(model, x)
    return factor.mT @ factor


def fisher_spectrum(model: nn.Module, x: Tensor) -> Tensor:
    """`spectrum(fisher_factor(model, x))` in little memory: no factor outlives its block.

    Args:
        model, x: as in `logit_jacobian`.

    Returns:
        Eigenvalues of F, shape `(B, C)`, largest first.

    Raises:
        ValueError: as in `logit_jacobian`.
    """
    _check(model, x)
    grams = []
    for logits, parts in _weight_pullback(model, x):
        grams.append(_gram(logits, torch.stack([u @ u.mT for u in parts]).sum(0)))
    return _descending(torch.cat(grams), x)


def _expm1_plus(u: Tensor) -> Tensor:
    """e^(−u) − 1 + u, at least 0, without cancellation near u = 0."""
    series = torch.ones_like(u)
    for k in range(17, 2, -1):  # Horner's scheme for Σ_{k≥2} (−u)^k / k!, over u²/2
        series = 1 - u / k * series
    return torch.where(u.abs() < 0.5, series * u**2 / 2, torch.expm1(-u) + u)


def _compare(logits_p: Tensor, logits_q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p, log q and d = log p − log q + constant with Σ p d = 0, all in float64.

    d comes from the difference of the logits, which loses nothing where p and q nearly agree; it
    is 0 where either probability is 0.
    """
    if logits_p.shape[-1:] != logits_q.shape[-1:]:
        raise ValueError(f"got shapes {tuple(logits_p.shape)} and {tuple(logits_q.shape)}")
    a, b = torch.broadcast_tensors(logits_p.double(), logits_q.double())
    log_p, log_q = a.log_softmax(-1), b.log_softmax(-1)
    d = torch.where(log_p.isfinite() & log_q.isfinite(), a - b, 0)
    d = d - d.gather(-1, log_p.argmax(-1, keepdim=True))  # else the sum below cancels if p ≈ 1
    return log_p, log_q, d - (log_p.exp() * d).sum(-1, keepdim=True)


def _kl(log_p: Tensor, log_q: Tensor, d: Tensor) -> Tensor:
    support, p = log_p.isfinite(), log_p.exp()
    terms = torch.where(d > -30, p * _expm1_plus(d), (log_p - d).exp() + p * (d - 1))
    near = torch.log1p(torch.where(support, terms, 0).sum(-1))
    # Very far apart e^(−d) overflows and nothing cancels: log-sum-exp.
    far = torch.where(support, log_p - d, -torch.inf).logsumexp(-1)
    inside = torch.where(near.isfinite(), near, far)
    # The mass of q on the support of p, from the side that does not cancel.
    outside = torch.where(support, 0, log_q.exp()).sum(-1)
    log_mass = torch.where(
        outside < 0.5,
        torch.log1p(-outside.clamp_max(0.5)),
        torch.where(support, log_q, -torch.inf).logsumexp(-1),
    )
    return torch.where((support & log_q.isneginf()).any(-1), torch.inf, inside - log_mass)


def kl_divergence(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """KL(p‖q) = Σ p log(p/q) in nats, for p and q given by logits.

    With d = log p − log q shifted so that Σ p d = 0, KL = log(1 + Σ p (e^(−d) − 1 + d)): a sum of
    terms that are not negative, hence accurate for nearly equal and for tiny probabilities, where
    the textbook sum cancels. (Chapter 2.)

    Args:
        logits_p, logits_q: any logits `(…, C)`; log-probabilities are logits too, and −∞ stands
            for probability 0 (a one-hot p has −∞ everywhere but at its label).

    Returns:
        The divergence, shape `(…)`, at least 0, infinite where q is 0 and p is not.

    Raises:
        ValueError: shapes whose last axes differ.
    """
    return _kl(*_compare(logits_p, logits_q)).to(logits_p)


def fisher_rao_distance(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """Fisher–Rao distance 2 arccos Σ√(pq) between distributions given by logits, in [0, π].

    Computed as 4 arcsin(‖√p − √q‖ / 2), which is accurate for nearly equal p and q, where the
    arccosine loses half of the digits. (Chapter 2.)

    Args:
        logits_p, logits_q: as in `kl_divergence`.

    Returns:
        The distance, shape `(…)`.

    Raises:
        ValueError: shapes whose last axes differ.
    """
    log_p, log_q, d = _compare(logits_p, logits_q)
    root_p, root_q = (log_p / 2).exp(), (log_q / 2).exp()
    log_ratio = d + _kl(log_p, log_q, d)[..., None]
    near = root_p * -torch.expm1(-log_ratio.clamp(-1, 1) / 2)
    chord = torch.where(log_ratio.abs() < 1, near, root_p - root_q).norm(dim=-1)
    return (4 * torch.asin((chord / 2).clamp_max(1))).to(logits_p)
