"""Networks, and checkpoints that say the truth about themselves."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.data import load_mnist, sample_images
from helpers.foliation import leaf_basis, linear_region
from helpers.models import (
    CIFAR_STAGES,
    MLP,
    OTHER_ACTIVATIONS,
    STAGES,
    LeNet,
    SmallCNN,
    load_checkpoint,
    save_checkpoint,
)  # fmt: skip
from helpers.training import accuracy

ROOT = Path(__file__).parents[1]


def test_lenet_has_the_published_size_and_shape():
    model = LeNet()
    assert sum(w.numel() for w in model.parameters()) == 61_706
    assert model(torch.rand(5, 1, 28, 28)).shape == (5, 10)


def test_lenet_arguments():
    model = LeNet(7, 3, 32, nn.GELU, nn.MaxPool2d, torch.float64)
    assert model(torch.rand(2, 3, 32, 32, dtype=torch.float64)).shape == (2, 7)
    assert any(isinstance(m, nn.GELU) for m in model) and any(
        isinstance(m, nn.MaxPool2d) for m in model
    )
    for bad in ({"classes": 1}, {"size": 30}, {"size": 8}):
        with pytest.raises(ValueError):
            LeNet(**bad)


def test_a_part_of_a_network_is_a_network():
    model, x = LeNet().eval(), torch.rand(2, 1, 28, 28)
    assert torch.equal(model[7:](model[:7](x)), model(x))
    assert isinstance(model[0], nn.Conv2d) and model[-1] is list(model)[-1]


def test_mlp():
    assert MLP((784, 64, 10))(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert [type(m) for m in MLP((4, 2))] == [nn.Flatten, nn.Linear]
    for bad in ((5,), (5, 1)):
        with pytest.raises(ValueError):
            MLP(bad)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("stage", STAGES)
def test_every_checkpoint_is_as_good_as_its_card_says(stage, seed):
    model, card = load_checkpoint(stage, seed)
    assert not model.training and card["seed"] == seed
    x, y = load_mnist("test", 2000)
    card_value, found = card["test_accuracy"], accuracy(model, x, y)
    # 2,000 of the 10,000 images; the first half of MNIST's test set is known to be the harder.
    assert abs(found - card_value) < 0.06
    if stage in ("1-epoch", "10-epochs"):
        full = accuracy(model, *load_mnist("test"))
        assert full == pytest.approx(card_value, abs=2e-4)  # stored in float32
        assert full > 0.97


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("network", OTHER_ACTIVATIONS)
def test_other_activations_are_as_good_as_their_cards_say(network, seed):
    model, card = load_checkpoint("2-epochs", seed, network)
    activation = OTHER_ACTIVATIONS[network]
    assert card["seed"] == seed and activation.__name__ in card["architecture"]
    assert sum(isinstance(layer, activation) for layer in model) == 4
    found = accuracy(model, *load_mnist("test"))
    assert found == pytest.approx(card["test_accuracy"], abs=2e-4) and found > 0.95
    with pytest.raises(ValueError, match="2-epochs"):
        load_checkpoint("init", seed, network)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("stage", CIFAR_STAGES)
def test_cifar_checkpoints_and_their_cards(stage, seed):
    """The rank and the regions on the twenty real images that travel with the course."""
    model, card = load_checkpoint(stage, seed, "cifar10")
    assert type(model) is SmallCNN and not model.training and card["seed"] == seed
    assert sum(w.numel() for w in model.parameters()) == 90_154 and "90,154" in card["architecture"]
    early = stage == "1-epoch"
    assert 0.3 < card["test_accuracy"] < 0.6 if early else card["test_accuracy"] > 0.7
    assert "JPEG-encoded copy" in card["data"] and card["epochs"] == (1 if early else 5)
    x, y = sample_images("cifar10")
    assert accuracy(model, x, y) >= (0.2 if early else 0.5)
    assert leaf_basis(model, x)[1].tolist() == [9] * 20
    assert len(set(linear_region(model, x).name)) == 20


def test_small_cnn():
    torch.manual_seed(0)
    model, x = SmallCNN(batch_norm=True), torch.rand(40, 3, 32, 32)
    model(x)  # moves the statistics of the normalisation
    folded, module = make_checkpoints().folded(model), nn.BatchNorm2d
    assert torch.allclose(model.eval()(x), folded(x), atol=1e-5)
    assert not any(isinstance(layer, module) for layer in folded)
    assert SmallCNN(7, (4, 5), dtype=torch.float64)(x.double()).shape == (40, 7)
    with pytest.raises(ValueError):
        SmallCNN(1)


def test_augmentation_in_training_only():
    augment, x = make_checkpoints().Augment(), torch.rand(50, 3, 32, 32)
    torch.manual_seed(0)
    assert torch.equal(augment.eval()(x), x)
    seen = augment.train()(x)
    assert seen.shape == x.shape and not torch.equal(seen, x)
    middle = seen[:, :, 10:20, 10:20].mean((1, 2, 3))  # the middle stays in the middle
    assert (middle - x[:, :, 8:22, 8:22].mean((1, 2, 3))).abs().max() < 0.1


def test_accuracy_rises_with_training():
    values = [load_checkpoint(s)[1]["test_accuracy"] for s in ("init", "400-steps", "10-epochs")]
    assert values == sorted(values)
    assert values[0] < 0.2 and values[1] > 0.9


def make_checkpoints():
    """The script as a module."""
    path = ROOT / "scripts/make_checkpoints.py"
    spec = importlib.util.spec_from_file_location("make_checkpoints", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.slow
def test_retraining_finds_the_400_step_checkpoint_again():
    model = make_checkpoints().make(0, "400-steps", write=False)
    stored, card = load_checkpoint("400-steps", 0)
    x, y = load_mnist("test")
    assert accuracy(model, x.double(), y) == pytest.approx(card["test_accuracy"], abs=1e-3)
    for new, old in zip(model.parameters(), stored.parameters(), strict=True):
        assert torch.allclose(new.float(), old, rtol=1e-3, atol=1e-4)


def test_round_trip_and_errors(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make checkpoints"):
        load_checkpoint("init", 0)
    with pytest.raises(ValueError, match="10-epochs"):
        load_checkpoint("11-epochs", 0)
    with pytest.raises(ValueError, match="cifar10"):
        load_checkpoint("init", 0, "vgg")
    model = LeNet(dtype=torch.float64)
    save_checkpoint(model, {"seed": 5}, "init", 5)
    again, card = load_checkpoint("init", 5)
    assert (
        card
        == {"seed": 5}
        == json.loads((tmp_path / "checkpoints/lenet-seed5-init.json").read_text())
    )
    assert torch.equal(again[0].weight, model[0].weight.float())
