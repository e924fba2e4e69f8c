"""Choosing where to run."""

import pytest
import torch

from napari_pixel_embedding.core.model.devices import (
    autocast,
    available_devices,
    learning_precision,
    resolve_device,
)


@pytest.fixture
def machine(monkeypatch):
    """Pretend that the machine has accelerators, or none."""

    def make(*, cuda=False, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return make


@pytest.mark.parametrize(
    ("has", "devices"),
    [
        ({}, ["cpu"]),
        ({"mps": True}, ["mps", "cpu"]),
        ({"cuda": True}, ["cuda", "cpu"]),
    ],
)
def test_auto_is_the_fastest_device_there_is(machine, has, devices):
    machine(**has)
    assert available_devices() == devices
    assert resolve_device("auto").type == devices[0]
    assert resolve_device("cpu").type == "cpu"


def test_one_of_several_accelerators_can_be_named(machine):
    machine(cuda=True)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda", "mps", "cuda:0", "gpu", "", "cpu:x", "cuda:-1"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(machine, name):
    machine()
    message = f"device must be auto or one of cpu on this machine, found '{name}'"
    with pytest.raises(ValueError, match=message):
        resolve_device(name)


def test_half_precision_only_where_the_processor_computes_with_it(monkeypatch):
    for supported, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda s=supported: s)
        with autocast(torch.device("cpu")):
            assert torch.matmul(torch.ones(2, 2), torch.ones(2, 2)).dtype == dtype
    with autocast(torch.device("mps")):
        assert torch.matmul(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32


def test_volumes_are_learnt_in_full_precision_on_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    for ndim, dtype in ((2, torch.bfloat16), (3, torch.float32)):
        with learning_precision(torch.device("cpu"), ndim):
            assert torch.matmul(torch.ones(2, 2), torch.ones(2, 2)).dtype == dtype
