"""What is done where memory runs out: smaller batches, smaller tiles, the CPU."""

import numpy as np
import pytest
import torch

from napari_pixel_embedding import predict_embedding
from napari_pixel_embedding.core.inference.tiles import runner as runner_module
from napari_pixel_embedding.core.inference.tiles.memory import is_out_of_memory

ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 17.00 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: str(e)[:30] or "MemoryError")
def test_errors_of_every_device_are_known(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError()]
)
def test_other_errors_are_no_shortage(error):
    assert not is_out_of_memory(error)


class Allocator:
    """Lets the network fail at its n-th call, or for tiles above a size, or for large batches."""

    def __init__(self, monkeypatch, at=None, above=None, most=None, error=ERRORS[1]):
        self.calls, self.at, self.above, self.most, self.error = 0, at, above, most, error
        self.shapes = []
        real = runner_module._Runner._outputs

        def outputs(runner, tiles):
            self.calls += 1
            self.shapes.append(tiles.shape)
            side = max(tiles.shape[-2:])
            scarce = self.above is not None and side > self.above and runner._on_cpu is None
            if self.calls == self.at or scarce or (self.most and len(tiles) > self.most):
                raise self.error
            return real(runner, tiles)

        monkeypatch.setattr(runner_module._Runner, "_outputs", outputs)


IMAGE = np.random.default_rng(0).random((200, 180), dtype=np.float32)


def embed(model, **options):
    return predict_embedding(model, IMAGE, device="cpu", halo=(8, 8), **options)


@pytest.fixture
def model(tiny_model):
    return tiny_model()


@pytest.mark.parametrize("at", range(1, 5))
def test_a_failure_at_any_tile_gives_what_smaller_tiles_give(model, monkeypatch, at):
    smaller = embed(model, tile_shape=(64, 64))
    with monkeypatch.context() as patch:
        allocator = Allocator(patch, at=at)
        found = embed(model, tile_shape=(128, 128))
    assert allocator.calls > at
    np.testing.assert_array_equal(found.embedding, smaller.embedding)
    np.testing.assert_array_equal(found.foreground, smaller.foreground)
    (note,) = found.notes
    assert note == (
        "The memory of the CPU was too small for the image in one go: it was read in tiles of "
        "64 × 64 pixels."
    )
    assert smaller.notes == ()


def test_tiles_are_halved_until_they_fit(model, monkeypatch):
    allocator = Allocator(monkeypatch, above=64)
    found = embed(model, tile_shape=(256, 256))
    sides = [max(shape[-2:]) for shape in allocator.shapes]
    assert sides == sorted(sides, reverse=True)
    assert sides[-1] <= 64 < sides[0]
    assert len(found.notes) == 1


def test_where_nothing_fits_the_error_says_what_to_do(model, monkeypatch):
    Allocator(monkeypatch, above=1)
    with pytest.raises(MemoryError, match=r"too little memory .* close other programs"):
        embed(model)


def test_other_errors_are_not_swallowed(model, monkeypatch):
    Allocator(monkeypatch, at=1, error=RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        embed(model)


def as_a_device(monkeypatch, free):
    """Let the CPU look like a device of its own, with so many bytes free."""
    monkeypatch.setattr(runner_module, "free_memory", lambda device: free)


def test_batches_are_as_large_as_the_device_allows_and_change_nothing(model, monkeypatch):
    one_by_one = embed(model, tile_shape=(64, 64))
    as_a_device(monkeypatch, 2 * runner_module._BYTES_A_PIXEL * 64 * 64 * 5)
    allocator = Allocator(monkeypatch)
    batched = embed(model, tile_shape=(64, 64))
    assert max(shape[0] for shape in allocator.shapes) == 5
    np.testing.assert_allclose(batched.embedding, one_by_one.embedding, atol=0.02)


def test_a_batch_that_does_not_fit_is_halved_and_tiles_stay(model, monkeypatch):
    as_a_device(monkeypatch, 2 * runner_module._BYTES_A_PIXEL * 64 * 64 * 8)
    allocator = Allocator(monkeypatch, most=2)
    found = embed(model, tile_shape=(64, 64))
    assert [shape[0] for shape in allocator.shapes[:3]] == [8, 4, 2]
    assert len({shape[-2:] for shape in allocator.shapes}) == 1
    assert found.notes == ()


def test_the_smallest_tile_runs_on_the_cpu_where_the_device_has_no_room(model, monkeypatch):
    expected = embed(model, tile_shape=(64, 64))
    Allocator(monkeypatch, above=1)
    pretended = type("Pretended", (), {"type": "mps"})()
    made = []
    real = runner_module._Runner.__init__

    def init(runner, network, plan, device, last):
        real(runner, network, plan, pretended, last)
        made.append(runner)

    monkeypatch.setattr(runner_module._Runner, "__init__", init)
    monkeypatch.setattr(runner_module, "forget_cached", lambda device: None)
    found = embed(model, tile_shape=(64, 64))
    np.testing.assert_array_equal(found.embedding, expected.embedding)
    assert made[-1]._on_cpu is not None
    assert "ran on the CPU" in found.notes[-1]


def test_outputs_are_kept_in_memory_where_the_device_has_less_room_than_it_says(model, monkeypatch):
    # As where others hold memory that the device still counts as free.
    expected = embed(model, tile_shape=(64, 64))
    as_a_device(monkeypatch, free=10**12)
    real, asked = torch.zeros, []

    def zeros(shape, device=None):
        asked.append(device)
        if device is not None:
            raise ERRORS[1]
        return real(shape)

    monkeypatch.setattr(runner_module.torch, "zeros", zeros)
    found = embed(model, tile_shape=(64, 64))
    assert len(asked) == 2 and asked[1] is None
    np.testing.assert_allclose(found.foreground, expected.foreground, atol=1e-5)
    assert found.notes == ()
