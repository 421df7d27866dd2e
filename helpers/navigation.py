"""Walks along the leaves of D and of ker G, and geodesics of a leaf.

A walk looks at a vector v, the way to a target or a given direction, projects it on D (along the
data leaf) or on ker G (where p does not change), moves by a step, and looks again. (Chapters 7 to
9; Grementieri and Fioresi 2022 for the walks.)

Inputs have the batch first and all paths of a batch move together; n is the number of entries of
one input. Lengths are Euclidean, in units of the input; shares are of squared lengths. All is
computed in float64, because a path decides at walls: in float32 the kernels of another processor
choose another side now and then, and the path ends elsewhere. What the published rule owes to
single precision is drawn from a fixed seed (`_score_rows`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from helpers.data import PAPER_UNIT
from helpers.foliation import (
    leaf_projection,
    linear_region,
    orthonormal_basis,
    wall_ahead,
)
from helpers.information import (
    _check,
    _contrasts,
    _input_pullback,
    fisher_rao_distance,
)
from helpers.training import progress_bar

# The published walks make steps of 0.1 and stop at 1 in their units; the steps here are longer.
STEP, REACH = 0.1, 1 / PAPER_UNIT
OVERSHOOT = 1e-9  # how far behind a wall the walk from wall to wall looks again
BLOCK = 24  # inputs whose Jacobians are taken together, for the processor's cache


@dataclass(frozen=True)
class Path:
    """What a batch of walks of at most T steps did. A path that ended sooner rests at its end.

    Attributes:
        points: positions `(B, K, …)` after the steps `kept`, in the dtype of the start.
        kept: the steps that `points` belong to, int64 `(K,)`, the first 0 and the last T.
        logits: of the network, `(B, T+1, C)`; `probabilities` are their softmax.
        arc_length: of the path up to each step, `(B, T+1)`.
        distance: to the target, `(B, T+1)`; nan for a walk by direction.
        ratio: ‖proj v‖/‖v‖ with the exact projector, whichever solver moves the point,
            `(B, T+1)`: how much of the way it wants to go the leaf allows.
        residual: distance to the affine leaf of D (for a kernel walk of ker G) through the start,
            `(B, T+1)`; round-off up to the first wall.
        outside: share of each step outside D (for a kernel walk outside ker G) at the point where
            the step begins, before the box, `(B, T)`; nan where there was no step.
        outside_moved: the same of the displacement that was made, after the box, `(B, T)`.
        steps: number of steps made, int64 `(B,)`.
        reason: why each path ended: "reached" (its target or its length), "stalled" (the leaf or
            the box allows no more), "out of steps".
    """

    points: Tensor
    kept: Tensor
    logits: Tensor
    arc_length: Tensor
    distance: Tensor
    ratio: Tensor
    residual: Tensor
    outside: Tensor
    outside_moved: Tensor
    steps: Tensor
    reason: list[str]

    def __getitem__(self, which: slice) -> Path:
        """Some of the paths of the batch."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Path(**{k: v if k == "kept" else v[which] for k, v in values.items()})

    @property
    def probabilities(self) -> Tensor:
        """p along each path, `(B, T+1, C)`."""
        return self.logits.softmax(2)

    @property
    def total_variation(self) -> Tensor:
        """½ Σ|p − p₀|: how far p is from that of the start, `(B, T+1)`."""
        return (self.probabilities - self.probabilities[:, :1]).abs().sum(2) / 2

    @property
    def outside_share(self) -> Tensor:
        """Share outside D of all displacements of a path together, after the box, `(B,)`."""
        squared = self.arc_length.diff(dim=1) ** 2
        return (self.outside_moved * squared).nansum(1) / squared.sum(1)


def _norm(vector: Tensor) -> Tensor:
    return vector.flatten(1).norm(dim=1)


def _scaled(factor: Tensor, vector: Tensor) -> Tensor:
    return factor.view(-1, *[1] * (vector.dim() - 1)) * vector


def _score_rows(logits: Tensor, contrasts: Tensor, noise: Tensor) -> Tensor:
    """∇log p_i as rows `(B, C, n)`, from the contrasts of J, with errors of the size of float32's.

    A network in float32 gives them with a round-off that depends on the processor, and rounding
    from float64 turns at thresholds. Here each entry is off by a share drawn at random, noise `(C,
    n)` in [0, 1), of half a unit of its last digit in float32 at most: the rows are as nearly
    dependent, and the same everywhere to about eight digits a step.
    """
    p = logits.softmax(1)
    mixing = torch.eye(p.shape[1]).to(p) - p[:, None]  # I − 1pᵀ
    rows = mixing @ _contrasts(p.shape[1]).to(p).T @ contrasts
    return rows * (1 + torch.finfo(torch.float32).eps * (noise - 0.5))


def _least_squares(rows: Tensor, v: Tensor, kernel: bool) -> Tensor:
    """Projection of v by the solver of the published rule, from the rows ∇log p_i.

    The columns ∇log p_i/‖∇log p_i‖ go to least squares for matrices of full rank. Their rank is
    C−1 but for the rounding of the rows, so one direction of what the solver projects on is
    round-off. For ker G the first C−1 columns alone are made orthonormal, which is sound.
    """
    columns = normalize(rows, dim=2, eps=torch.finfo(rows.dtype).tiny).mT
    flat = v.flatten(1)[:, :, None]
    if kernel:
        q = torch.linalg.qr(columns[:, :, :-1]).Q
        found = flat - q @ (q.mT @ flat)
    else:
        found = columns @ torch.linalg.lstsq(columns, flat, driver="gels").solution
    return found.view_as(v)


def walk_leaf(
    model: nn.Module,
    x0: Tensor,
    *,
    target: Tensor | None = None,
    direction: Tensor | Callable[[Tensor], Tensor] | None = None,
    step: float | None = STEP,
    n_steps: int = 500,
    box: tuple[float, float] | bool | None = None,
    rule: str = "exact",
    solver: str | None = None,
    renormalise: bool | None = None,
    length: float = math.inf,
    reach: float = REACH,
    stall: float = 1e-3,
    keep: int = 1,
    progress: bool | None = None,
    kernel: bool = False,
) -> Path:
    """Walk along D towards a target, or along a direction that is projected at every step.

    With v = target − x, or v the direction at length 1, a step of the exact rule is proj v, cut
    to the length `step`. It is never longer than the projection, so the distance to a target never
    grows and a path ends where proj v vanishes: a stall. The published rule is the one of the
    public code as a reader would write it again: least squares for full rank on ∇log p_i of unit
    length, with errors in the last digit of float32 (see `_least_squares`), each step stretched to
    the same length, pixels cut to [0, 1]; so it cannot stall. Its three parts can be chosen one by
    one.

    Args:
        model: piecewise linear or smooth classifier in evaluation mode, logits `(B, C)`.
        x0: where to start, `(B, …)`.
        target: where to go, of the shape of x0; or
        direction: which way, of the shape of x0, or a function of points `(b, …)` to such (for
            paths that have not ended yet; for an eigenvector that turns as the path goes on).
        step: length of a step (the published one is 0.1 / PAPER_UNIT). None walks from wall to
            wall of the linear regions, without a step size, and slides along a wall where both
            sides lead back to it (see `wall_ahead`).
        n_steps: T, the most steps to make.
        box: bounds to cut each entry to; False for none. By default as the rule says.
        rule: "exact" (projector, not renormalised, no box) or "published" (lstsq, renormalised,
            box (0, 1)).
        solver: "projector" (singular value decomposition, rank as it is) or "lstsq", in place of
            the rule's.
        renormalise: stretch every step to the length `step`, in place of the rule's.
        length: end at this arc length.
        reach: end at this distance from the target.
        stall: end at this ‖proj v‖/‖v‖, unless steps are renormalised; or if a step, cut to the
            box, moves the point by less than this share of `step`.
        keep: keep the points of every keep-th step, and the last.
        progress: show a bar; by default unless the environment variable COURSE_PROGRESS is 0.
        kernel: walk along ker G instead (`walk_kernel`).

    Raises:
        ValueError: arguments that contradict each other, or shapes that differ; else as in
            `information.logit_jacobian`.
        torch.linalg.LinAlgError: "lstsq" where p is one-hot to the last digit.
    """
    _check(model, x0)
    published = rule == "published"
    solver = solver or ("lstsq" if published else "projector")
    renormalise = published if renormalise is None else renormalise
    bounds = (0.0, 1.0) if box is True or (box is None and published) else box or None
    if rule not in ("exact", "published") or solver not in ("projector", "lstsq"):
        raise ValueError(f"got rule {rule!r} and solver {solver!r}")
    if (target is None) == (direction is None):
        raise ValueError("give a target or a direction")
    for given in (target, direction):
        if isinstance(given, Tensor) and given.shape != x0.shape:
            raise ValueError(f"got shapes {tuple(x0.shape)} and {tuple(given.shape)}")
    if step is None and (renormalise or bounds or solver == "lstsq"):
        raise ValueError("from wall to wall goes the exact rule alone, without a box")
    if n_steps < 1 or keep < 1 or (step is not None and step <= 0):
        raise ValueError(f"got step {step}, n_steps {n_steps}, keep {keep}")
    wide = copy.deepcopy(model).double()
    exact = solver == "projector"
    rounding = torch.Generator().manual_seed(0)  # another error at every step

    def differentiate(x: Tensor) -> dict[str, Tensor]:
        """Logits, an orthonormal basis of D and, for least squares, ∇log p_i at the points x."""
        blocks = [b for part in x.split(BLOCK) for b in _input_pullback(wide, part, _contrasts)]
        logits, contrasts = (torch.cat(part) for part in zip(*blocks, strict=True))
        here = {"logits": logits, "q": orthonormal_basis(contrasts)[0]}
        if not exact:
            noise = torch.rand(logits.shape[1], contrasts.shape[2], generator=rounding)
            here["scores"] = _score_rows(logits, contrasts, noise.to(x))
        return here

    def project(q: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """What is allowed of a vector, and what is not."""
        inside = leaf_projection(q, vector)
        return (vector - inside, inside) if kernel else (inside, vector - inside)

    def look(x: Tensor, i: Tensor) -> dict[str, Tensor]:
        """Where to go from the points x of the paths i, and what a path records."""
        if target is not None:
            v = target.detach().double()[i] - x
        else:
            v = (direction(x) if callable(direction) else direction[i]).double()  # type: ignore[index]
            v = normalize(v.flatten(1)).view_as(x)
        here = differentiate(x)
        q = here["q"]
        allowed, size = project(q, v)[0], _norm(v)
        scale = size.clamp_min(torch.finfo(size.dtype).tiny)
        ratio = _norm(allowed) / scale
        for k, normals in enumerate(sliding[j] for j in i.tolist()):
            if normals:  # what is left of the leaf along these walls
                across = project(q[k].expand(len(normals), -1, -1), torch.stack(normals))[0]
                _, s, rows = torch.linalg.svd(across.flatten(1), full_matrices=False)
                allowed[k] -= leaf_projection(rows[s > 1e-9 * s[0]][None], allowed[k][None])[0]
        return {
            **here, "x": x.clone(), "v": v, "allowed": allowed,
            "distance": size if target is not None else torch.full_like(size, torch.nan),
            "ratio": ratio, "left": _norm(allowed) / scale,
        }  # fmt: skip

    def ended(now: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        reached = (now["distance"] <= reach) | (arc >= length * (1 - 1e-12))
        return reached, (now["left"] <= (0 if renormalise else stall)) & ~reached

    start = x0.detach().double()
    sliding: list[list[Tensor]] = [[] for _ in start]  # normals of the walls each path follows
    now = look(start, torch.arange(len(start), device=start.device))
    first = now["q"].clone()
    arc = torch.zeros(len(start)).to(start)
    reached, stalled = ended(now)
    steps = torch.zeros_like(arc, dtype=torch.int64)
    names = ("logits", "arc_length", "distance", "ratio", "residual", "outside", "outside_moved")
    lines: dict[str, list[Tensor]] = {name: [] for name in ("points", *names)}
    kept = [t for t in range(n_steps + 1) if t % keep == 0 or t == n_steps]

    def record(t: int) -> None:
        for name in ("logits", "distance", "ratio"):
            lines[name].append(now[name].clone())
        lines["arc_length"].append(arc.clone())
        lines["residual"].append(_norm(project(first, now["x"] - start)[1]))
        if t % keep == 0 or t == n_steps:
            lines["points"].append(now["x"].to(x0, copy=True))

    record(0)
    with progress_bar(n_steps, progress) as bar:
        for t in range(1, n_steps + 1):
            i = (~(reached | stalled)).nonzero().flatten()
            outside = torch.full((2, len(arc)), torch.nan).to(arc)
            if len(i):
                x, q, v = now["x"][i], now["q"][i], now["v"][i]
                d = now["allowed"][i] if exact else _least_squares(now["scores"][i], v, kernel)
                size = _norm(d).clamp_min(torch.finfo(arc.dtype).tiny)
                longest = (length - arc[i]).clamp_max(step or math.inf)
                if step is None:
                    ahead, normal = wall_ahead(wide, x, d)
                    longest = longest.minimum(ahead * size + OVERSHOOT)
                    for k, j in enumerate(i.tolist()):
                        back = ahead[k] * size[k] < 2 * OVERSHOOT  # to a wall that was just crossed
                        sliding[j] = [*sliding[j], normal[k]] if back else []
                d = _scaled((longest if renormalise else longest.minimum(size)) / size, d)
                moved = x + d
                if bounds:
                    moved = moved.clamp(*bounds)
                made = moved - x
                for row, part in zip(outside, (d, made), strict=True):
                    if part is d or bounds:
                        share = (_norm(project(q, part)[1]) / _norm(part)) ** 2
                    row[i] = share
                arc[i] += _norm(made)
                steps[i] += 1
                for name, value in look(moved, i).items():
                    now[name][i] = value
                reached, nowhere = ended(now)
                if step:  # the box has cut the whole step away
                    nowhere[i] |= ~reached[i] & (_norm(made) <= stall * longest.minimum(size))
                stalled |= nowhere
            lines["outside"].append(outside[0])
            lines["outside_moved"].append(outside[1])
            record(t)
            bar.update()
    stack = {name: torch.stack(line, 1) for name, line in lines.items()}
    ends = zip(reached.tolist(), stalled.tolist(), strict=True)
    reason = ["reached" if r else "stalled" if s else "out of steps" for r, s in ends]
    return Path(**stack, kept=torch.tensor(kept), steps=steps, reason=reason)


def walk_kernel(model: nn.Module, x0: Tensor, **options: Any) -> Path:
    """Walk along ker G, where p does not change; arguments and answer as for `walk_leaf`.

    On a piecewise linear network p is constant inside every region, so with `step=None` it changes
    by round-off and by what the network does within `OVERSHOOT` of a wall.
    """
    return walk_leaf(model, x0, kernel=True, **options)


@dataclass(frozen=True)
class Geodesic:
    """Geodesics of the leaf metric, each on the affine piece of the network at its start.

    Attributes:
        points: positions `(B, K, …)` in the dtype of the start; nan behind the simplex.
        arc_length: in the metric G along the geodesic, `(B, K)`, evenly spaced.
        logits: of the great circle, with p as softmax, `(B, K, C)`. In the region of the start the
            network has the same p there.
        inside: whether the geodesic has stayed in the linear region of its start, `(B, K)`, as
            seen at its K points.
        leaves: arc length at which it leaves that region, `(B,)`; infinite if it does not.
        boundary: arc length at which the great circle meets the boundary of the simplex, `(B,)`,
            whether it goes as far or not; points run off to infinity there.
    """

    points: Tensor
    arc_length: Tensor
    logits: Tensor
    inside: Tensor
    leaves: Tensor
    boundary: Tensor


def geodesic(
    model: nn.Module,
    x0: Tensor,
    *,
    target: Tensor | None = None,
    direction: Tensor | None = None,
    length: float | None = None,
    n_points: int = 50,
) -> Geodesic:
    """Geodesics of the leaf through x0: great circles in √p, pulled back to the input.

    On a linear region of rank C−1 the map x ↦ 2√p takes the leaf isometrically into the sphere of
    radius 2. The great circle cos θ √p₀ + sin θ u has the arc length 2θ, and its p is that of one
    point of the leaf: x₀ + (PJ)⁺(log p − log p₀) with the pseudoinverse of the centred Jacobian.
    (Chapter 9.)

    Args:
        model: piecewise linear network, see `linear_region`.
        x0: starts `(B, …)`.
        target: logits `(B, C)` of the distribution to go to; the length is then
            `fisher_rao_distance`. Or
        direction: `(B, …)`, of which the part in D is followed, and
        length: how far, in the metric G (the whole circle has 4π, no two p are farther apart than
            π).
        n_points: K, with the start and the end.

    Raises:
        ValueError: neither or both of target and direction, a direction without length or within
            ker G, or an input at which the rank is below C−1; else as in `linear_region`.
    """
    if (target is None) == (direction is None) or (direction is None) != (length is None):
        raise ValueError("give a target, or a direction and a length")
    wide = copy.deepcopy(model).double()
    start = x0.detach().double()
    region = linear_region(wide, start)
    with torch.no_grad():
        here = wide(start)
    h = _contrasts(here.shape[1]).to(here)
    left, values, right = torch.linalg.svd(h @ region.jacobian, full_matrices=False)
    if values.shape[1] < len(h) or (values[:, -1] <= 1e-12 * values[:, 0]).any():
        raise ValueError("the leaf has fewer than C−1 dimensions at an input")
    # The tangent u of the great circle, over √p₀, so that tiny probabilities keep their digits.
    p = here.softmax(1)
    if target is not None:
        there = target.detach().double()
        far = fisher_rao_distance(here, there)
        log_ratio = there.log_softmax(1) - here.log_softmax(1)
        tangent = (log_ratio / 2).exp() - torch.cos(far / 2)[:, None]
    else:
        far = torch.full_like(here[:, 0], length or 0)
        speed = (region.jacobian @ direction.double().flatten(1)[:, :, None]).squeeze(2)  # type: ignore[union-attr]
        tangent = speed - (p * speed).sum(1, keepdim=True)
    size = (p * tangent**2).sum(1, keepdim=True).sqrt()
    if (size <= 0).any():
        raise ValueError("the direction does not move p")
    tangent = tangent / size

    def at(arc: Tensor) -> tuple[Tensor, Tensor]:
        """Points and log p − log p₀ at arc lengths `(B, k)`, nan behind the simplex."""
        theta = arc[:, :, None] / 2
        change = 2 * torch.log(torch.cos(theta) + torch.sin(theta) * tangent[:, None])
        moved = (change @ h.T @ left / values[:, None]) @ right
        return (start.flatten(1)[:, None] + moved).unflatten(2, start.shape[1:]), change

    def same_region(points: Tensor) -> Tensor:
        flat = points.flatten(0, 1)
        known = flat.flatten(1).isfinite().all(1)
        names = linear_region(wide, torch.where(known.view(-1, *[1] * (flat.dim() - 1)), flat, 0))
        each = [name for name in region.name for _ in range(points.shape[1])]
        same = torch.tensor([a == b for a, b in zip(names.name, each, strict=True)])
        return (same.to(known.device) & known).view(points.shape[:2])

    arc = far[:, None] * torch.linspace(0, 1, n_points).to(far)
    points, change = at(arc)
    inside = same_region(points).cumprod(1).bool()
    count = inside.sum(1, keepdim=True)
    low = arc.gather(1, (count - 1).clamp_min(0))
    high = arc.gather(1, count.clamp_max(n_points - 1))
    for _ in range(50):
        middle = (low + high) / 2
        good = same_region(at(middle)[0])
        low, high = torch.where(good, middle, low), torch.where(good, high, middle)
    leaves = torch.where(inside.all(1), torch.inf, high[:, 0])
    boundary = 2 * torch.atan2(torch.ones_like(tangent), -tangent).amin(1)
    logits = here[:, None] + change
    return Geodesic(points.to(x0), arc, logits, inside, leaves, boundary)
