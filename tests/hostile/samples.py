"""Hostile files, made anew for every run: what they are, and what is asked to open them.

Whatever would run a program makes a file, the canary, so that running it does no harm and is seen.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save

Maker = Callable[[Path], Path]
"""Writes a sample into a folder, and returns its path."""
CANARY = "canary"


class Payload:
    """Makes the canary when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return (open, (str(self.place), "w"))


def pickled(folder: Path, protocol: int = 4) -> bytes:
    return pickle.dumps(Payload(folder / CANARY), protocol)


def torch_zip(folder: Path, script: bool = False) -> bytes:
    """What torch.save writes; or what torch.jit.save does."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("archive/data.pkl", pickled(folder, 2))
        file.writestr("archive/version", "3\n")
        if script:
            file.writestr("archive/code/__torch__.py", "import os\nos.system('touch canary')\n")
            file.writestr("archive/constants.pkl", pickled(folder, 2))
    return out.getvalue()


def written(name: str, content: Callable[[Path], bytes] | bytes) -> Maker:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content(folder) if callable(content) else content)
        return path

    return make


# --------------------------------------------------------------------------------- tensors


def header(text: bytes | dict | str, body: bytes = b"", length: int | None = None) -> bytes:
    raw = (
        text
        if isinstance(text, bytes)
        else (json.dumps(text) if isinstance(text, dict) else text).encode()
    )
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def tensor(dtype: str, shape: list, start: int, end: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def config_header(**config: object) -> bytes:
    return header(
        {"__metadata__": {"config": json.dumps(config)}, "a": tensor("F32", [1], 0, 4)}, b"\0" * 4
    )


HEADERS: dict[str, bytes] = {
    "no header": b"",
    "seven bytes": b"\0" * 7,
    "a header of 2⁶³ bytes": header(b"{}", length=2**63),
    "a header of 2⁶⁴ − 1 bytes": header(b"{}", length=2**64 - 1),
    "a header of a terabyte": header(b"{}", length=2**40),
    "a header longer than the file": header(b"{}", length=100),
    "a header of nothing": header(b""),
    "no JSON": header(b"\xff\xfe{}"),
    "a list": header("[]"),
    "a number": header("7"),
    "nothing in it": header("{}"),
    "half of it": header('{"a": {"dtype": "F32"'),
    "deep nesting": header("[" * 100_000 + "]" * 100_000),
    "deep nesting in a tensor": header('{"a":' * 50_000 + "1" + "}" * 50_000),
    "three megabytes of spaces": header("{}" + " " * 3 * 2**20),
    "a key of two megabytes": header({"x" * 2**21: tensor("F32", [1], 0, 4)}, b"\0" * 4),
    "25,000 empty tensors": header({f"t{n}": tensor("F32", [0], 0, 0) for n in range(25_000)}),
    "offsets beyond the end": header({"a": tensor("F32", [4], 0, 2**40)}, b"\0" * 16),
    "offsets turned round": header({"a": tensor("F32", [4], 16, 0)}, b"\0" * 16),
    "negative offsets": header({"a": tensor("F32", [4], -16, 0)}, b"\0" * 16),
    "overlapping tensors": header(
        {"a": tensor("F32", [4], 0, 16), "b": tensor("F32", [4], 8, 24)}, b"\0" * 24
    ),
    "a gap between tensors": header(
        {"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 100, 104)}, b"\0" * 104
    ),
    "a negative size": header({"a": tensor("F32", [-4], 0, 16)}, b"\0" * 16),
    "sizes whose product wraps": header({"a": tensor("F32", [2**32, 2**32], 0, 0)}),
    "a size of 2⁶³": header({"a": tensor("U8", [2**63], 0, 16)}, b"\0" * 16),
    "a fraction as size": header({"a": tensor("F32", [1.5], 0, 4)}, b"\0" * 4),
    "text as size": header({"a": tensor("F32", ["4"], 0, 16)}, b"\0" * 16),
    "a shape larger than its bytes": header({"a": tensor("F32", [10**9], 0, 16)}, b"\0" * 16),
    "64 axes": header({"a": tensor("F32", [1] * 64, 0, 4)}, b"\0" * 4),
    "an unknown type": header({"a": tensor("EVIL", [1], 0, 4)}, b"\0" * 4),
    "whole numbers": save({"a": np.zeros(4, np.int64)}),
    "no configuration": save({"a": np.zeros(4, np.float32)}),
    "a configuration that is none": header(
        {"__metadata__": {"config": "]["}, "a": tensor("F32", [1], 0, 4)}, b"\0" * 4
    ),
    "metadata that are numbers": header({"__metadata__": {"config": 7}}),
    "an unknown architecture": config_header(architecture="os.system"),
    "a network of a terabyte": config_header(base_width=10**6, depth=4),
    "a network a thousand levels deep": config_header(depth=1000),
    "a billion components": config_header(embedding_dim=10**9),
    "a type in place of a number": config_header(base_width={"__class__": "int"}),
    "not a number as scale": header(
        {"__metadata__": {"config": '{"coordinate_scale": NaN}'}, "a": tensor("F32", [1], 0, 4)},
        b"\0" * 4,
    ),
}

# ---------------------------------------------------------------------------------- zips


def archive(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one name twice is meant
        for name, content in entries:
            file.writestr(name, content)
    return out.getvalue()


def with_link(target: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        entry = zipfile.ZipInfo("weights.safetensors")
        entry.external_attr = 0o120777 << 16
        file.writestr(entry, target)
        file.writestr("rdf.yaml", "type: model\n")
    return out.getvalue()


ZIPS: dict[str, bytes] = {
    "nothing in it": archive(),
    "no zip": b"PK\x03\x04 nothing",
    "half of it": archive(("rdf.yaml", b"x" * 5000))[:200],
    "out of the folder": archive(("../../evil.safetensors", b"x"), ("rdf.yaml", b"type: model")),
    "an absolute path": archive(("/tmp/evil.safetensors", b"x"), ("rdf.yaml", b"type: model")),
    "a path of Windows": archive(("C:\\evil.safetensors", b"x"), ("rdf.yaml", b"type: model")),
    "backslashes": archive(("..\\..\\evil.safetensors", b"x"), ("rdf.yaml", b"type: model")),
    "a link to a file": with_link("/etc/passwd"),
    "a link to a device": with_link("/dev/zero"),
    "a gigabyte of zeros": archive(("w.safetensors", bytes(2**26)), ("rdf.yaml", b"type: model")),
    "thousands of files": archive(*((f"{n}.txt", b"") for n in range(12_000))),
    "tags of Python in YAML": archive(
        ("rdf.yaml", b"a: !!python/object/apply:os.system ['touch canary']"),
        ("w.safetensors", b"x"),
    ),
    "a billion laughs in YAML": archive(
        ("rdf.yaml", b"a: &a [x,x]\n" + b"".join(
            b"%c: &%c [*%c,*%c]\n" % (98 + n, 98 + n, 97 + n, 97 + n) for n in range(24)
        )),
        ("w.safetensors", b"x"),
    ),
    "one name twice": archive(("w.safetensors", b"x"), ("w.safetensors", b"y"), ("rdf.yaml", b"")),
}  # fmt: skip

# --------------------------------------------------------------------------------- images


def tiff(*tags: tuple[int, int, int, int], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF file of one page: tag, type, count and value of each entry."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    page = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + page + data


def plain_tags(width: int, height: int, offset: int = 200, size: int = 100, **more: int):
    found = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, more.get("kind", 1)),
        (262, 3, 1, 1), (273, 4, 1, offset), (277, 3, 1, more.get("samples", 1)),
        (278, 4, 1, height), (279, 4, 1, size),
    ]  # fmt: skip
    return found


def described(xml: str) -> bytes:
    text = xml.encode() + b"\0"
    tags = sorted(
        [
            *plain_tags(4, 4, 8 + 2 + 12 * 10 + 4 + len(text), 16),
            (270, 2, len(text), 8 + 2 + 12 * 10 + 4),
        ]
    )
    return tiff(*tags, data=text + bytes(16))


def npy(described: str, body: bytes = b"") -> bytes:
    raw = described.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(raw)) + raw + body


def png(width: int, height: int, content: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    )


OME = (
    '<?xml version="1.0"?>{}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'
)
PIXELS = '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="4" SizeZ="{z}" SizeC="1" SizeT="1">{files}</Pixels></Image>'
LAUGHS = (
    "<!DOCTYPE l ["
    + '<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)

IMAGES: dict[str, tuple[str, bytes]] = {
    "a terabyte in 300 bytes": ("a.tif", tiff(*plain_tags(10**6, 10**6), data=bytes(200))),
    "2³¹ rows": ("a.tif", tiff(*plain_tags(2**31, 2**31), data=bytes(200))),
    "pixels beyond the end": ("a.tif", tiff(*plain_tags(10, 10, offset=10**6))),
    "a strip of 4 GB": ("a.tif", tiff(*plain_tags(10, 10, size=2**32 - 1), data=bytes(200))),
    "a page that follows itself": ("a.tif", tiff(*plain_tags(4, 4), following=8, data=bytes(200))),
    "no tags": ("a.tif", tiff()),
    "a page beyond the end": ("a.tif", b"II*\0" + struct.pack("<I", 10**6)),
    "a tag of 4 · 10⁹ values": ("a.tif", tiff(*plain_tags(4, 4), (270, 2, 2**32 - 1, 8), data=bytes(200))),
    "zlib of noise": ("a.tif", tiff(*plain_tags(64, 64, kind=8), data=os.urandom(200))),
    "an unknown compression": ("a.tif", tiff(*plain_tags(64, 64, kind=60000), data=bytes(200))),
    "BigTIFF of nothing": ("a.tif", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**62)),
    "OME that names a file elsewhere": ("a.ome.tif", described(OME.format("", PIXELS.format(
        z=2, files='<TiffData><UUID FileName="../../../../etc/passwd">urn:uuid:0</UUID></TiffData>')))),
    "OME of a billion planes": ("a.ome.tif", described(OME.format("", PIXELS.format(z=10**9, files="<TiffData/>")))),
    "OME with an entity of the system": ("a.ome.tif", described(OME.format(
        '<!DOCTYPE o [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "<Image ID='&e;'/>"))),
    "a billion laughs in OME": ("a.ome.tif", described(OME.format(LAUGHS, "<Image ID='&m;'/>"))),
    "objects in an array": ("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")),
    "code in an array's header": ("a.npy", npy("{'descr': __import__('os').system('touch canary'), }")),
    "an array of a terabyte": ("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (131072, 1048576), }")),
    "an array of negative size": ("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 4), }")),
    "deep nesting in an array's header": ("a.npy", npy("{'descr': " + "(" * 5000 + ")" * 5000 + "}")),
    "a picture of 4 · 10¹⁸ pixels": ("a.png", png(2**31 - 1, 2**31 - 1)),
    "a picture of zeros, expanded": ("a.png", png(60_000, 60_000, zlib.compress(bytes(2**20)))),
    "half a picture": ("a.png", png(100, 100, zlib.compress(bytes(10100)))[:60]),
    "a JPEG of nothing": ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(20)),
    "a bitmap of negative size": ("a.bmp", b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack(
        "<IiiHHIIiiII", 40, -(2**31), -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)),
}  # fmt: skip

# -------------------------------------------------------------------------------- recipes

FORMAT = "napari-pixel-embedding segmentation recipe"
RECIPES: dict[str, bytes] = {
    "20 megabytes": b'{"a": "' + b"x" * (20 * 2**20) + b'"}',
    "deep nesting": b"[" * 200_000,
    "deep tables": b'{"a":' * 100_000,
    "a key of 20,000 parts": json.dumps({".".join("a" * 20_000): 1}).encode(),
    "no JSON": b"\x80\x04\x95",
    "another program's": b'{"format": "evil", "version": 1}',
    "a version to come": json.dumps({"format": FORMAT, "version": 10**9}).encode(),
    "a version that is a table": json.dumps({"format": FORMAT, "version": {"a": 1}}).encode(),
    "a number of a million digits": b'{"format": "x", "version": ' + b"9" * 10**6 + b"}",
    "not a number": b'{"format": "x", "version": NaN}',
    "an entry that is unknown": json.dumps({"format": FORMAT, "version": 1, "__class__": "os"}).encode(),
    "the passwords": b"root:x:0:0:root:/root:/bin/bash\n",
    "a model that is the passwords": json.dumps({
        "format": FORMAT, "version": 1, "axes": "YX", "clustering": {},
        "model": {"name": "m", "source": "/etc/passwd", "fingerprint": "0" * 16, "more": 1},
    }).encode(),
    "a million bandwidths": json.dumps({"format": FORMAT, "version": 1, "image": {
        "local_bandwidths": [[{"point": [1, 1], "bandwidth": 1.0}] * 100_000]}}).encode(),
}  # fmt: skip


# ----------------------------------------------------------------------------------- zarr


def zarr_two(folder: Path, **changes: object) -> Path:
    """An OME-Zarr 0.4 whose only chunk is a pickle."""
    path = folder / "a.zarr"
    (path / "0" / "0").mkdir(parents=True)
    scale = [{"type": "scale", "scale": [1, 1]}]
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    datasets = [{"path": changes.pop("level", "0"), "coordinateTransformations": scale}]
    said = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps(said | {"image-label": {"version": "0.4"}}))
    stored = {
        "zarr_format": 2, "shape": [64, 64], "chunks": [64, 64], "dtype": "|u1", "compressor": None,
        "fill_value": 0, "order": "C", "filters": None, "dimension_separator": "/",
    }  # fmt: skip
    (path / "0" / ".zarray").write_text(json.dumps(stored | changes))
    (path / "0" / "0" / "0").write_bytes(pickled(folder))
    return path


def zarr_three(folder: Path, codecs: list[dict], dtype: str = "uint8") -> Path:
    """An OME-Zarr 0.5 whose only chunk is a pickle."""
    path = folder / "a.zarr"
    (path / "0" / "c" / "0").mkdir(parents=True)
    scale = [{"type": "scale", "scale": [1, 1]}]
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    said = {"version": "0.5", "multiscales": [multiscale], "image-label": {}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": said}}
    (path / "zarr.json").write_text(json.dumps(group))
    array = {
        "zarr_format": 3, "node_type": "array", "shape": [64, 64], "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 64]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0, "codecs": codecs, "attributes": {},
    }  # fmt: skip
    (path / "0" / "zarr.json").write_text(json.dumps(array))
    (path / "0" / "c" / "0" / "0").write_bytes(pickled(folder))
    return path


PICKLE = {"id": "pickle", "protocol": 5}
DELTA = {"id": "delta", "dtype": "|u1"}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ZARRS: dict[str, Maker] = {
    "pickled chunks": lambda f: zarr_two(f, filters=[PICKLE]),
    "pickles as compression": lambda f: zarr_two(f, compressor=PICKLE),
    "pickles behind a filter": lambda f: zarr_two(f, filters=[DELTA, PICKLE]),
    "pickles before a filter": lambda f: zarr_two(f, filters=[PICKLE, DELTA]),
    "objects": lambda f: zarr_two(f, dtype="|O", filters=[PICKLE]),
    "objects as JSON": lambda f: zarr_two(f, dtype="|O", filters=[{"id": "json2"}]),
    "an unknown filter": lambda f: zarr_two(f, filters=[{"id": "os.system"}]),
    "a level outside": lambda f: zarr_two(f, level="../../../../etc"),
    "a level that is absolute": lambda f: zarr_two(f, level="/etc/passwd"),
    "a negative shape": lambda f: zarr_two(f, shape=[-1, 64]),
    "pickles in version 3": lambda f: zarr_three(f, [{"name": "numcodecs.pickle"}]),
    "pickles behind bytes": lambda f: zarr_three(f, [BYTES, {"name": "numcodecs.pickle"}]),
    "an unknown codec": lambda f: zarr_three(f, [{"name": "pickle"}]),
    "an unknown type": lambda f: zarr_three(f, [BYTES], "object"),
}

WRAPPERS = (
    *("m.pt", "m.pth", "m.ckpt", "m.pkl", "m.bin", "m.safetensors", "m.zip", "m.onnx", "m.h5"),
)


def models() -> dict[str, Maker]:
    found: dict[str, Maker] = {}
    for name in WRAPPERS:
        found[f"a pickle in {name}"] = written(name, pickled)
        found[f"torch.save in {name}"] = written(name, torch_zip)
        found[f"TorchScript in {name}"] = written(name, lambda f: torch_zip(f, script=True))
    for name, content in HEADERS.items():
        found[f"safetensors: {name}"] = written("m.safetensors", content)
    for name, content in ZIPS.items():
        found[f"zip: {name}"] = written("m.zip", content)
    return found


def images() -> dict[str, Maker]:
    found: dict[str, Maker] = {
        f"a pickle in {name}": written(name, pickled)
        for name in ("a.tif", "a.png", "a.npy", "a.bmp", "a.jpg")
    }
    return found | {name: written(*content) for name, content in IMAGES.items()}


def recipes() -> dict[str, Maker]:
    found: dict[str, Maker] = {"a pickle": written("r.recipe.json", pickled)}
    return found | {name: written("r.recipe.json", text) for name, text in RECIPES.items()}


ALL: dict[str, dict[str, Maker]] = {
    "model": models(),
    "image": images(),
    "recipe": recipes(),
    "zarr": ZARRS,
}

READ_ANYWAY = {
    "a billion laughs in OME",
    "OME that names a file elsewhere",
    "OME of a billion planes",
    "OME with an entity of the system",
    "a page that follows itself",
    "a strip of 4 GB",
    "a tag of 4 · 10⁹ values",
}
"""Small images whose own pixels are there: what their metadata say beyond that is passed over."""
