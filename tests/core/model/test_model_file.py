"""Models in files: they come back as they were saved, or are refused."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_pixel_embedding.core.model import model_file
from napari_pixel_embedding.core.model.config import FORMAT, ModelConfig, ModelFileError
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    fingerprint,
    load_model,
    model_path,
    save_model,
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"architecture": "wnet", "space": "cosine", "cluster": {"bandwidth": 0.2}},
        {"axes": "ZYX", "in_channels": 2, "pixel_size": (1.0, 0.5, 0.5)},
    ],
)
def test_a_model_comes_back_as_it_was_saved(tmp_path, tiny_model, changes):
    model = tiny_model(**changes)
    path = save_model(model, tmp_path / "mödel.safetensors")
    loaded = load_model(path)
    assert loaded.config == model.config
    assert loaded.name == "tiny"
    assert not loaded.network.training
    assert_same_weights(loaded.network, model.network)


def test_a_model_in_half_precision_takes_half_the_space_and_is_loaded_in_full(tmp_path, tiny_model):
    model = tiny_model(base_width=16)
    full = save_model(model, tmp_path / "full")
    half = save_model(model, tmp_path / "half", half=True)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    before, after = model.network.state_dict(), load_model(half).network.state_dict()
    for name, weight in before.items():
        assert after[name].dtype == weight.dtype
        torch.testing.assert_close(after[name], weight, rtol=2**-11, atol=1e-7)
    assert torch.equal(after["foreground.1.running_var"], before["foreground.1.running_var"])
    assert not torch.equal(after[WEIGHT], before[WEIGHT])


def test_a_fingerprint_stays_with_the_file_and_sees_every_change(tmp_path, tiny_model):
    model = tiny_model()
    known = fingerprint(model)
    assert len(known) == 16
    assert fingerprint(load_model(save_model(model, tmp_path / "m"))) == known
    assert fingerprint(tiny_model(delta_dist=2.0)) != known
    with torch.no_grad():
        model.network.foreground[1].running_var[0] += 1e-3
    assert fingerprint(model) != known


def test_a_weight_beyond_half_precision_is_kept_in_full(tmp_path, tiny_model):
    model = tiny_model()
    model.network.embedding[3].weight.data.view(-1)[0] = 70_000.0
    loaded = load_model(save_model(model, tmp_path / "m", half=True))
    assert torch.equal(loaded.network.embedding[3].weight, model.network.embedding[3].weight)


def assert_same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_loaded_model_can_be_trained_and_saved_again(tmp_path, tiny_model):
    path = save_model(tiny_model(), tmp_path / "m")
    network = load_model(path).network
    assert all(parameter.requires_grad for parameter in network.parameters())
    output = network.train()(torch.rand(2, 1, 16, 16))
    output.embedding.sum().backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    save_model(EmbeddingModel(network, tiny_model().config), path)
    assert_same_weights(load_model(path).network, network)


def test_a_seed_decides_fresh_weights_and_nothing_else_is_drawn(tiny_model):
    config = tiny_model().config
    before = torch.get_rng_state()
    one, same, other = (EmbeddingModel.untrained(config, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_weights(one.network, same.network)
    assert not torch.equal(one.network.embedding[-1].weight, other.network.embedding[-1].weight)


def test_the_suffix_is_added_or_checked(tmp_path, tiny_model):
    assert model_path("a/b") == model_path("a/b.safetensors")
    assert save_model(tiny_model(), tmp_path / "m") == tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=r"found the suffix '.pt': name it m.safetensors"):
        save_model(tiny_model(), tmp_path / "m.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_failed_save_leaves_the_earlier_file(tmp_path, tiny_model, monkeypatch):
    path = save_model(tiny_model(), tmp_path / "m")
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_model(tiny_model(name="other"), path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def rewrite(path, change=None, config=None):
    """Change the weights or the configuration of a saved model behind its back."""
    tensors = dict(load_file(path))
    if change is not None:
        change(tensors)
    config = config or ModelConfig(name="tiny", base_width=4, depth=2, embedding_dim=4)
    save_file(tensors, path, {"format": FORMAT, "config": config.to_json()})


WEIGHT = "embedding.3.weight"


def poison(value):
    def change(tensors):
        tensors[WEIGHT] = tensors[WEIGHT].clone()
        tensors[WEIGHT].view(-1)[0] = value

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (poison(float("nan")), "weights that are not finite"),
        (poison(float("-inf")), "weights that are not finite"),
        (lambda t: t.pop(WEIGHT), f"do not fit its architecture, first '{WEIGHT}'"),
        (lambda t: t.update(extra=torch.zeros(1)), "do not fit its architecture, first 'extra'"),
        (lambda t: t.update({WEIGHT: t[WEIGHT][:1].clone()}), f"first '{WEIGHT}'"),
        (lambda t: t.update({WEIGHT: t[WEIGHT].double()}), f"first '{WEIGHT}'"),
        (lambda t: t.clear(), "do not fit its architecture"),
    ],
)
def test_weights_that_do_not_belong_are_refused(tmp_path, tiny_model, change, found):
    path = save_model(tiny_model(), tmp_path / "m")
    rewrite(path, change)
    with pytest.raises(ModelFileError, match=f"m.safetensors is damaged .* found .*{found}"):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"base_width": 256, "depth": 8},  # would be some 280 GB of weights
        {"architecture": "wnet"},
        {"axes": "ZYX"},
        {"in_channels": 2},
        {"depth": 3},
    ],
)
def test_a_claimed_architecture_is_checked_before_it_is_built(tmp_path, tiny_model, changes):
    path = save_model(tiny_model(), tmp_path / "m")
    rewrite(path, config=replace(tiny_model().config, **changes))
    with pytest.raises(ModelFileError, match="weights that do not fit its architecture"):
        load_model(path)


def test_truncated_files_are_refused_wherever_they_end(tmp_path, tiny_model):
    whole = save_model(tiny_model(), tmp_path / "m").read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in (0, 5, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut.safetensors is damaged or no model file"):
            load_model(path)


def test_tensors_that_point_outside_of_the_file_are_refused(tmp_path, tiny_model):
    config = tiny_model().config.to_json()
    header = {
        "__metadata__": {"format": FORMAT, "config": config},
        WEIGHT: {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
    }
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelFileError, match="is damaged"):
        load_model(path)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a pickle was opened")

    path = tmp_path / "m.safetensors"
    torch.save({}, path)
    monkeypatch.setattr("pickle.load", never)
    monkeypatch.setattr(model_file.torch, "load", never)
    with pytest.raises(ModelFileError, match="can run any program when it is opened"):
        load_model(path)


def test_a_missing_model_is_said_to_be_missing(tmp_path):
    with pytest.raises(ModelFileError, match="there is no model"):
        load_model(tmp_path / "none.safetensors")
