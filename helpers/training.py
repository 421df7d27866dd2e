"""One training loop, for every network of the course."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch's global generator (initial weights, dropout) and return a separate one.

    The returned generator is for what the caller draws, such as the order of the examples, so
    that drawing more in one place does not change what another place draws.
    """
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


@dataclass
class History:
    """What a training run recorded.

    Attributes:
        loss: mean cross-entropy of each mini-batch in nats, one entry a step.
        epochs: at which epoch (a fraction) the following two were measured.
        validation_loss: mean cross-entropy on the validation images in nats.
        validation_accuracy: share of the validation images classified right, between 0 and 1.
    """

    loss: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats and share of right answers, in evaluation mode.

    Args:
        model: classifier with logits `(B, C)`; its mode is put back afterwards.
        x: inputs `(N, …)`.
        y: labels int64 `(N,)`.

    Raises:
        ValueError: no example, or numbers of inputs and labels that differ.
    """
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"expected as many labels as inputs, at least one; got {len(x)}, {len(y)}")
    was_training = model.training
    model.eval()
    logits = torch.cat([model(part) for part in x.split(500)])
    model.train(was_training)
    return cross_entropy(logits, y).item(), (logits.argmax(1) == y).double().mean().item()


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers, between 0 and 1 (see `evaluate`)."""
    return evaluate(model, x, y)[1]


def progress_bar(steps: int, progress: bool | None) -> tqdm:
    """A bar on stderr; with None it is shown unless the environment has COURSE_PROGRESS=0."""
    if progress is None:
        progress = os.environ.get("COURSE_PROGRESS") != "0"
    return tqdm(total=steps, disable=not progress, file=sys.stderr, unit="step")


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    batch_size: int = 50,
    lr: float = 0.1,
    momentum: float = 0.0,
    optimizer: torch.optim.Optimizer | None = None,
    schedule: Callable[[int], float] | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
    callback: Callable[[int, nn.Module], None] | None = None,
    callback_at: Iterable[int] = (),
    seed: int = 0,
    progress: bool | None = None,
) -> History:
    """Minimise the mean cross-entropy by stochastic gradient descent (chapter 1).

    Each epoch visits the examples once, in a new order. The run depends on the initial weights and
    on `seed` alone; train in float64 if another machine must find the same digits.

    Args:
        model: classifier with logits `(B, C)`, changed in place and left in evaluation mode.
        x: inputs `(N, …)` of the dtype of the weights.
        y: labels int64 `(N,)`.
        steps: number of updates; an epoch has ceil(N / batch_size) of them.
        batch_size: examples an update.
        lr: learning rate of plain SGD, unless `optimizer` is given.
        momentum: momentum of plain SGD, unless `optimizer` is given.
        optimizer: any torch optimiser over the model's parameters, in place of SGD.
        schedule: factor on the initial learning rate, as a function of the step.
        validation: inputs and labels, measured before the first step, after each epoch and at the
            end.
        callback: called as `callback(step, model)` in evaluation mode, before step 0 if 0 is
            among `callback_at`.
        callback_at: numbers of updates after which `callback` is called.
        seed: seed of the order of the examples.
        progress: show a bar with loss and validation accuracy. By default on, unless the
            environment variable COURSE_PROGRESS is 0.

    Raises:
        ValueError: no example, numbers of inputs and labels that differ, steps below 1.
        FloatingPointError: the loss is no longer finite; the learning rate is too high.
    """
    if len(x) == 0 or len(x) != len(y) or steps < 1:
        raise ValueError(f"got {len(x)} inputs, {len(y)} labels and {steps} steps")
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule) if schedule else None
    order = torch.Generator().manual_seed(seed)
    per_epoch = math.ceil(len(x) / batch_size)
    stops, history = set(callback_at), History()
    bar = progress_bar(steps, progress)

    def look(step: int) -> None:
        """Measure and call back, between two updates."""
        model.eval()
        if validation and (step % per_epoch == 0 or step == steps):
            loss, acc = evaluate(model, *validation)
            history.epochs.append(step / per_epoch)
            history.validation_loss.append(loss)
            history.validation_accuracy.append(acc)
        if callback and step in stops:
            callback(step, model)
        model.train()

    look(0)
    for step in range(steps):
        if step % per_epoch == 0:
            batches = torch.randperm(len(x), generator=order).split(batch_size)
        batch = batches[step % per_epoch]
        optimizer.zero_grad()
        loss = cross_entropy(model(x[batch]), y[batch])
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}; lower the rate")
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        history.loss.append(loss.item())
        look(step + 1)
        bar.update()
        last = history.validation_accuracy[-1:]
        bar.set_postfix({"loss": f"{loss.item():.3f}"} | ({"accuracy": last[0]} if last else {}))
    bar.close()
    model.eval()
    return history
