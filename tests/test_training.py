"""The training loop: what it computes, records and refuses."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from helpers.models import MLP
from helpers.training import accuracy, evaluate, seed_everything, train


def problem(n=64):
    """Two classes that a line separates, and a linear classifier, in float64."""
    generator = seed_everything(0)
    x = torch.randn(n, 2, dtype=torch.float64, generator=generator)
    return MLP((2, 2), dtype=torch.float64), x, (x.sum(1) > 0).long()


def test_one_step_is_gradient_descent():
    model, x, y = problem()
    before = [w.clone() for w in model.parameters()]
    loss = cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    history = train(model, x, y, steps=1, batch_size=len(x), lr=0.3)
    assert history.loss == pytest.approx([loss.item()], rel=1e-12)
    for now, then, gradient in zip(model.parameters(), before, gradients, strict=True):
        assert torch.allclose(now, then - 0.3 * gradient, rtol=1e-12, atol=1e-14)


def test_it_learns_and_is_reproducible_from_its_seed():
    runs = []
    for seed in (1, 1, 2):
        model, x, y = problem()
        history = train(model, x, y, steps=60, batch_size=8, lr=0.5, seed=seed)
        runs.append((history.loss, model[1].weight.clone()))
        assert accuracy(model, x, y) > 0.95 and not model.training
    assert runs[0][0] == runs[1][0] and torch.equal(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]


def test_an_epoch_visits_every_example_once():
    model, x, y = problem(10)
    seen = []
    model.register_forward_pre_hook(
        lambda _, args: seen.append(args[0]) if model.training else None
    )
    train(model, x, y, steps=6, batch_size=4)  # three steps an epoch: 4 + 4 + 2
    for epoch in (seen[:3], seen[3:]):
        visited = torch.cat(epoch)
        assert torch.equal(visited[visited[:, 0].argsort()], x[x[:, 0].argsort()])
    assert not torch.equal(torch.cat(seen[:3]), torch.cat(seen[3:]))


def test_history_callback_and_validation():
    model, x, y = problem()
    calls = []
    history = train(
        model, x, y, steps=10, batch_size=16, validation=(x, y), callback_at=(0, 3, 10),
        callback=lambda step, m: calls.append((step, m.training)),
    )  # fmt: skip
    assert calls == [(0, False), (3, False), (10, False)]
    assert len(history.loss) == 10
    assert history.epochs == [0, 1, 2, 2.5]
    assert history.validation_loss[-1] == pytest.approx(evaluate(model, x, y)[0])
    assert history.validation_accuracy[-1] == accuracy(model, x, y)


def test_schedule_and_other_optimiser():
    model, x, y = problem()
    start = model[1].weight.clone()
    train(model, x, y, steps=5, lr=0.5, schedule=lambda step: 0.0)
    assert torch.equal(model[1].weight, start)
    train(model, x, y, steps=50, optimizer=torch.optim.Adam(model.parameters(), lr=0.1))
    assert accuracy(model, x, y) > 0.95


def test_evaluate_leaves_the_mode_alone():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2)).double().train()
    _, x, y = problem()
    assert evaluate(model, x, y) == evaluate(model, x, y) and model.training


def test_progress_bar(capsys, monkeypatch):
    model, x, y = problem()
    train(model, x, y, steps=3, validation=(x, y))
    assert capsys.readouterr().err == ""  # COURSE_PROGRESS is 0 in the tests
    monkeypatch.delenv("COURSE_PROGRESS")
    train(model, x, y, steps=3, validation=(x, y))
    shown = capsys.readouterr()
    assert "loss=" in shown.err and "accuracy=" in shown.err and shown.out == ""


def test_errors():
    model, x, y = problem()
    for bad in ({"x": x[:0], "y": y[:0]}, {"x": x[:3], "y": y}, {"x": x, "y": y, "steps": 0}):
        with pytest.raises(ValueError):
            train(model, **({"steps": 1} | bad))
    with pytest.raises(ValueError):
        evaluate(model, x[:0], y[:0])
    with pytest.raises(FloatingPointError, match="step 0"):
        train(model, x * float("nan"), y, steps=5)
