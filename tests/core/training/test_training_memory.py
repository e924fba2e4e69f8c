"""A training goes on where memory runs out, with smaller parts of the same batches."""

from itertools import count

import pytest
import torch

from napari_pixel_embedding.core.training import trainer as trainer_module
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.targets import prepare_samples
from napari_pixel_embedding.core.training.train import train

CONFIG = TrainConfig(steps=3, batch_size=4, crop=32, warmup=0.0, fixed_statistics=True)


@pytest.fixture
def samples(discs, tiny_model):
    image, labels = discs()
    return prepare_samples([image], [labels], tiny_model().config)


def run(model, samples, monkeypatch=None, at=(), above=None, error=None):
    """Train; memory runs out at some calls of the network, or for more crops than ``above``."""
    calls, sizes = count(1), []
    if monkeypatch is not None:
        real = trainer_module.Trainer._terms

        def terms(trainer, batch):
            sizes.append(len(batch.image))
            if next(calls) in at or (above and len(batch.image) > above):
                raise error or torch.OutOfMemoryError("CUDA out of memory.")
            return real(trainer, batch)

        monkeypatch.setattr(trainer_module.Trainer, "_terms", terms)
    return list(train(model, samples, CONFIG, device="cpu")), sizes


@pytest.mark.parametrize("at", range(1, 4))
def test_it_goes_on_from_a_failure_at_any_call(samples, tiny_model, monkeypatch, at):
    model = tiny_model()
    states, sizes = run(model, samples, monkeypatch, at=(at,))
    assert states[-1].step == 3
    assert states[-1].model is not None
    assert sizes[at - 1 : at + 1] == [4, 2]
    said = [state.note for state in states]
    assert "2 of 4 pieces are learnt from at once" in said[at - 1]
    assert said.count("") == 2  # said once


def test_the_parts_give_the_gradients_of_the_batch(samples, tiny_model, monkeypatch):
    model = tiny_model()
    whole, _ = run(model, samples)
    with monkeypatch.context() as patch:
        parts, sizes = run(model, samples, patch, above=1)
    assert sizes[:4] == [4, 2, 1, 1]
    for one, other in zip(whole, parts, strict=True):
        for name in ("foreground", "distance"):
            assert other.losses[name] == pytest.approx(one.losses[name], rel=0.2)
    assert whole[0].note == ""


def test_where_nothing_fits_it_says_what_to_do(samples, tiny_model, monkeypatch):
    with pytest.raises(MemoryError, match="choose smaller pieces"):
        run(tiny_model(), samples, monkeypatch, at=range(1, 99))


def test_other_errors_end_it(samples, tiny_model, monkeypatch):
    with pytest.raises(RuntimeError, match="shape"):
        run(tiny_model(), samples, monkeypatch, at=(1,), error=RuntimeError("shape mismatch"))
