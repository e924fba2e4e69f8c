"""Odd inputs by their type: numbers, shapes, names and formats, for ``odd_inputs.py``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odd_inputs import Case


def arrays(clean: np.ndarray) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Arrays of odd types and shapes, and what a :class:`Case` expects of each."""
    wide = clean.astype(np.int64)
    odd = clean.astype(np.float32)
    odd[5, 5], odd[80, 90], odd[100:103, 20] = np.inf, -np.inf, np.nan
    refused: dict[str, Any] = {"labels": (), "fails": True}
    fields = np.zeros(clean.shape, [("a", "u1"), ("b", "f4")])
    fields["a"] = clean
    return {
        "int64": (wide, {}),
        "int64 beyond 2⁵³": (wide * 2**48, {}),
        "uint64": (wide.astype(np.uint64) * 2**50, {}),
        "int8 around 0": ((wide - 128).astype(np.int8), {}),
        "int16, all negative": ((wide - 30_000).astype(np.int16), {}),
        "uint32": (wide.astype(np.uint32) * 2**20, {}),
        "float16": (clean.astype(np.float16), {}),
        "float64 of 1e-300": (clean * 1e-300, {}),
        "float64 of 1e300": (clean * 1e300, {}),
        "infinite and missing pixels": (odd, {"least": 0.9}),
        "Fortran order": (np.asfortranarray(clean), {}),
        "turned by strides": (clean[::-1, ::-1][::-1, ::-1], {}),
        "one pixel": (clean[:1, :1], {"count": 0, "says": "only one value"}),
        "one row": (clean[80:81], {"count": 2}),
        "no pixels": (clean[:0], {**refused, "says": "no pixels|empty|at least"}),
        "one axis": (clean[80], {**refused, "says": "axes|dimension"}),
        "six axes": (clean[None, None, None, None], {}),
        "a structure": (fields, {**refused, "says": "number|fields|type|dtype"}),
        "text": (np.array([["a", "b"]] * 9), {**refused, "says": "number|text|type|dtype"}),
        "dates": (clean.astype("M8[s]"), {**refused, "says": "number|date|type|dtype"}),
    }


def types(case: Any, clean: np.ndarray) -> Iterator[Case]:
    """Yield the arrays as files, then names and formats."""
    for name, (array, expects) in arrays(clean).items():
        yield case("types", name, partial(_saved, array=array), **expects)
    for name in (
        "a.TIF",
        "zellen äöü 細胞.tif",
        "a b & (c).tif",
        "a.b.c.tif",
        "-a.tif",
        "x" * 200 + ".png",
    ):
        yield case("names", name[:40], partial(_picture, array=clean, name=name))
    for name, mode in (("16-bit.png", "I;16"), ("bits.png", "1"), ("grey and alpha.png", "LA")):
        yield case(
            "formats",
            name,
            partial(_mode, array=clean, name=name, mode=mode),
            **_EXPECTS.get(mode, {}),
        )
    for name in ("a.bmp", "a.jpg"):
        yield case("formats", name, partial(_picture, array=clean, name=name), least=0.9)
    webp = partial(_picture, array=clean, name="a.webp")
    yield case("formats", "a.webp", webp, labels=(), fails=True, says="Convert it to TIFF")
    yield case(
        "formats",
        "empty.tif",
        _empty,
        labels=(),
        fails=True,
        says="empty|could not be read|0 bytes",
    )
    yield case(
        "formats", "empty.npy", _empty_npy, labels=(), fails=True, says="empty|could not be read"
    )
    yield case(
        "formats",
        "no ending",
        partial(_bare, array=clean),
        labels=(),
        fails=True,
        says="ending|kind|image",
    )


_EXPECTS: dict[str, dict[str, Any]] = {"1": {"count": None, "least": 0.0}}


def _saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def _picture(folder: Path, array: np.ndarray, name: str) -> Path:
    options = {"quality": 95} if name.endswith(("jpg", "webp")) else {}
    kind = {"tif": "TIFF", "TIF": "TIFF", "png": "PNG", "bmp": "BMP", "jpg": "JPEG", "webp": "WEBP"}
    Image.fromarray(array).save(folder / name, kind[name.rsplit(".", 1)[1]], **options)
    return folder / name


def _mode(folder: Path, array: np.ndarray, name: str, mode: str) -> Path:
    if mode == "I;16":
        made = Image.fromarray(array.astype(np.uint16) * 200)
    elif mode == "1":
        made = Image.fromarray(array > 40)
    else:
        made = Image.fromarray(np.stack([array, np.full_like(array, 255)], -1))
    made.save(folder / name)
    return folder / name


def _empty(folder: Path) -> Path:
    (folder / "a.tif").write_bytes(b"")
    return folder / "a.tif"


def _empty_npy(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(b"")
    return folder / "a.npy"


def _bare(folder: Path, array: np.ndarray) -> Path:
    return _picture(folder, array, "a.png").rename(folder / "a")
