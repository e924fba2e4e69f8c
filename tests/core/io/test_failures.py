"""Bad files of any kind raise ValueError or OSError, at once and before memory is taken."""

import socket
import struct
import zlib

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_pixel_embedding.core.io import failures
from napari_pixel_embedding.core.io.failures import check_size, explained
from napari_pixel_embedding.core.io.files import list_images
from napari_pixel_embedding.core.io.images import read_image, read_images, read_labels
from tests.core.io.tiff_files import GREY, make_pipe, set_tag, write, write_ome, write_pages

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)


@pytest.mark.parametrize(
    "error",
    [IndexError("x"), KeyError("x"), struct.error("x"), RecursionError("x"), OSError("x")],
)
def test_errors_of_decoders_become_one_kind(tmp_path, error):
    with (
        pytest.raises(ValueError, match=r"a\.tif could not be read as TIF: x\. .* damaged"),
        explained(tmp_path / "a.tif"),
    ):
        raise error


def test_errors_of_the_system_and_memory(tmp_path):
    with pytest.raises(PermissionError), explained(tmp_path / "a.tif"):
        raise PermissionError(13, "denied")
    with (
        pytest.raises(ValueError, match=r"a\.tif needs more memory"),
        explained(tmp_path / "a.tif"),
    ):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), explained(tmp_path / "a.tif"):
        raise KeyboardInterrupt


def claim(path, width, height, rows):
    for tag, value in ((256, width), (257, height), (278, rows)):
        set_tag(path, tag, value)
    return path


@pytest.mark.parametrize("rows", [64, 2_000_000])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
def test_a_small_tiff_that_claims_terabytes(tmp_path, compression, rows):
    path = write(tmp_path / "a.tif", NOISE, compression=compression, metadata=None)
    claim(path, 2_000_000, 2_000_000, rows)
    with pytest.raises(ValueError, match=r"a\.tif claims an image of .*2000000 .* \(4 TB\)"):
        read_image(path)


def test_a_tiff_that_claims_a_large_tile(tmp_path):
    path = write(tmp_path / "a.tif", NOISE, tile=(64, 64), compression="lzw", metadata=None)
    set_tag(set_tag(path, 322, 16_000_000), 323, 16_000_000)
    with pytest.raises(ValueError, match=r"a\.tif claims"):
        read_image(path)


def test_an_array_that_claims_terabytes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, NOISE)
    content = path.read_bytes()
    claimed = b"(4000000000000, 64)"
    path.write_bytes(content.replace(b"(64, 64)" + b" " * 11, b"").replace(b"(64, 64)", claimed))
    content = path.read_bytes()
    header = struct.unpack("<H", content[8:10])[0]
    extra = content.index(b"\n") + 1 - 10 - header
    path.write_bytes(content.replace(b" " * extra + b"\n", b"\n"))
    with pytest.raises(ValueError, match=r"a\.npy claims an array of shape \(4000000000000, 64\)"):
        read_image(path)


@pytest.mark.parametrize("side", [13_000, 2_000_000_000])
def test_a_picture_that_claims_too_much(tmp_path, side):
    path = tmp_path / "a.png"
    Image.fromarray(GREY).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png claims .* pixels"):
        read_image(path)


def test_claims_are_compared_with_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", NOISE)
    monkeypatch.setattr(failures, "available_memory", lambda: 4000)
    with pytest.raises(ValueError, match=r"64 × 64 pixels, which takes 4 kB .* 4 kB are free"):
        read_image(path)
    np.save(tmp_path / "a.npy", NOISE)
    with pytest.raises(ValueError, match="Crop the image"):
        read_image(tmp_path / "a.npy")
    check_size(path, (10, 10), 8, 1000)


def test_the_memory_is_that_of_the_system():
    assert 0 < failures.available_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
@pytest.mark.parametrize("read", [read_image, read_images, read_labels, list_images])
def test_only_regular_files_are_opened(tmp_path, monkeypatch, kind, read):
    path = tmp_path / "a.tif"
    monkeypatch.chdir(tmp_path)
    if kind == "pipe":
        make_pipe(path)
    elif kind == "socket":
        if not hasattr(socket, "AF_UNIX"):
            pytest.skip("this system has no sockets among its files")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a.tif")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    match = (
        "found none" if kind == "folder" and read is list_images else f"found the {kind} .*a.tif"
    )
    with pytest.raises(ValueError, match=match):
        read(path)


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a.tif").symlink_to(tmp_path / "b.tif")
    with pytest.raises(FileNotFoundError, match=r"no file .*a\.tif"):
        read_image(tmp_path / "a.tif")
    write(tmp_path / "b.tif", GREY)
    assert read_image(tmp_path / "a.tif").data.shape == GREY.shape
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "b.tif" / "c.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_stack_cut_short_is_refused(tmp_path, compression):
    path = write_pages(tmp_path / "a.tif", NOISE, NOISE, NOISE, compression=compression)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"a\.tif .* 1 of 3 pages go beyond .*damaged"):
        read_image(path)


def samples(folder):
    """One small file of each dialect, as bytes."""
    stack = np.stack([GREY, GREY + 1])
    yield write(folder / "a.tif", stack, metadata={"axes": "ZYX"})
    yield write(folder / "b.tif", stack, imagej=True, metadata={"axes": "TYX", "spacing": 2})
    yield write_ome(folder / "c.ome.tif")
    yield write(folder / "d.tif", NOISE, compression="zlib", tile=(32, 32), predictor=True)
    yield write(folder / "e.tif", stack, compression="lzw", bigtiff=True, metadata=None)
    yield write(folder / "f.tif", np.stack([GREY] * 3, 2), photometric="rgb", compression="zstd")
    np.save(folder / "g.npy", GREY)
    Image.fromarray(GREY).save(folder / "h.png")
    yield from (folder / "g.npy", folder / "h.png")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    paths = list(samples(tmp_path_factory.mktemp("originals")))
    assert all(path.stat().st_size < 20_000 for path in paths)
    return [(path.suffix, path.read_bytes()) for path in paths]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 7),
    cut=st.floats(0, 1) | st.just(1.0),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255), st.booleans()), max_size=8),
)
def test_damage_of_any_kind_raises_what_was_promised(originals, tmp_path, which, cut, flips):
    suffix, content = originals[which]
    damaged = bytearray(content[: int(len(content) * cut)])
    for where, bits, in_header in flips:
        if damaged:
            damaged[int(where * (min(len(damaged), 400 if in_header else 10**9) - 1))] ^= bits
    path = tmp_path / f"a{suffix}"
    path.write_bytes(damaged)
    for read in (read_image, read_labels):
        try:
            image = read(path)
        except (ValueError, OSError) as error:
            assert str(path) in str(error)
        else:
            assert image.axes is None or len(image.axes) == image.data.ndim
