"""What reads files, with seeds: whole files that are changed before they are read."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image
from pydantic import TypeAdapter

from napari_pixel_embedding import (
    EmbeddingModel,
    FineTuneConfig,
    ModelConfig,
    load_model,
    load_recipe,
    load_segmentation_recipe,
    save_model,
    save_recipe,
)
from napari_pixel_embedding.batch.plan import ImagePlan, RunPlan, read_plan
from napari_pixel_embedding.batch.request import BatchRequest, read_request
from napari_pixel_embedding.core.corrections import journal
from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.datasets.pairs import Pair
from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.exchange.ome_zarr_reader import read_ome_zarr_labels
from napari_pixel_embedding.core.fine_tuning import job_folder
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.label_frames import label_frames
from napari_pixel_embedding.core.model.config import read_config
from napari_pixel_embedding.core.model.declaration import read_declaration
from napari_pixel_embedding.core.model.file_check import check_model_file
from napari_pixel_embedding.core.model.package import unpack_model
from napari_pixel_embedding.core.recipe.recipe_file import save_segmentation_recipe
from napari_pixel_embedding.core.runs import edits
from napari_pixel_embedding.core.runs.folder import read_progress
from napari_pixel_embedding.core.runs.record_log import Record, RecordWriter, read_index
from napari_pixel_embedding.core.training.checkpoint import interrupted_at, read_checkpoint
from napari_pixel_embedding.core.training.recipe import Recipe
from napari_pixel_embedding.core.training.request import TrainingRequest
from tests.recipes import usual_recipe


@dataclass(frozen=True)
class Reader:
    """A way to read a file.

    ``name`` is the file's, ``read`` takes its path, ``seeds`` makes whole files in an empty folder,
    and ``wrap`` repairs what would end every reading at once, as a checksum does.
    """

    name: str
    read: Callable[[Path], Any]
    seeds: Callable[[Path], list[bytes]]
    wrap: Callable[[bytes, random.Random], bytes] | None = None


IMAGE = np.arange(15 * 20, dtype=np.uint16).reshape(15, 20)


def _model(folder: Path) -> bytes:
    torch.manual_seed(0)
    config = ModelConfig(name="tiny", base_width=2, depth=1, embedding_dim=2, coordinate_scale=5.0)
    return save_model(EmbeddingModel.untrained(config), folder / "m").read_bytes()


def _models(folder: Path) -> list[bytes]:
    return [_model(folder)]


def _header_only(data: bytes, rng: random.Random) -> bytes:
    """Give a header of safetensors its true length, most of the times."""
    if len(data) < 9 or rng.random() < 0.3:
        return data
    end = data.rfind(b"}", 8, 30_000) + 1
    return struct.pack("<Q", max(end - 8, 0)) + data[8:]


def _packages(folder: Path) -> list[bytes]:
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as file:
            file.writestr("weights.safetensors", _model(folder)[:3000])
            file.writestr("rdf.yaml", "name: tiny\n")
        made.append(buffer.getvalue())
    return made


def _tiffs(folder: Path) -> list[bytes]:
    made = []
    for number, options in enumerate(
        (
            {"metadata": {"axes": "YX", "PhysicalSizeX": 0.5}, "ome": True},
            {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0}},
            {"compression": "zlib"},
            {"tile": (16, 16), "bigtiff": True},
            {"rowsperstrip": 4, "predictor": True, "compression": "lzw"},
        )
    ):
        path = folder / f"{number}.tif"
        data = np.stack([IMAGE] * 2) if "imagej" in options else IMAGE
        tifffile.imwrite(path, data, **options)
        made.append(path.read_bytes())
    for compression in ("group3", "group4"):
        buffer = io.BytesIO()
        Image.fromarray(IMAGE % 7 > 2).save(buffer, "TIFF", compression=compression)
        made.append(buffer.getvalue())
    return made


def _pictures(folder: Path, kind: str) -> list[bytes]:
    made = []
    for pixels in (IMAGE.astype(np.uint8), np.stack([IMAGE.astype(np.uint8)] * 3, -1)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        made.append(buffer.getvalue())
    return made


def _arrays(folder: Path) -> list[bytes]:
    made = []
    for array in (IMAGE, IMAGE.astype(np.float32).T):
        buffer = io.BytesIO()
        np.save(buffer, array)
        made.append(buffer.getvalue())
    return made


def _training_recipes(folder: Path) -> list[bytes]:
    save_recipe(Recipe(), folder / "r.toml")
    return [(folder / "r.toml").read_bytes()]


def _recipes(folder: Path) -> list[bytes]:
    return [save_segmentation_recipe(usual_recipe("nuclei-fast"), folder / "r").read_bytes()]


def _journals(folder: Path) -> list[bytes]:
    made = journal.Journal(folder, "cells", "k" * 16)
    rng = np.random.default_rng(0)
    for step in range(4):
        made.write(rng.integers(-1, 5, (6, 8)).astype(np.int32), {"step": step})
    return [made.path.read_bytes()]


def _framed(data: bytes, rng: random.Random) -> bytes:
    """Write a journal's records anew, each with its length and checksum, most of the times."""
    start = len(journal._MAGIC)
    if data[:start] != journal._MAGIC or rng.random() < 0.2:
        return data
    made, place, frame = [data[:start]], start, journal._FRAME
    while place + frame.size < len(data):
        length = min(frame.unpack_from(data, place)[0], len(data) - place - frame.size)
        body = data[place + frame.size : place + frame.size + length]
        made.append(frame.pack(len(body), zlib.crc32(body)) + body)
        place += frame.size + length
    return b"".join(made)


def _checkpoints(folder: Path) -> list[bytes]:
    from safetensors.torch import save

    state = {"config": "{}", "step": "25", "best_score": "0.5", "running": "true"}
    tensors = {"count/n": torch.ones(1), "weights/a": torch.zeros(4), "optimizer/b": torch.zeros(2)}
    return [save(tensors, state)]


def _training_requests(folder: Path) -> list[bytes]:
    pairs = TrainingPairs([Pair(folder / "a.tif", folder / "b.tif")], [])
    TrainingRequest(Recipe(), pairs, folder / "m.safetensors", "cpu").save(folder)
    return [(folder / "request.json").read_bytes()]


def _jobs(folder: Path) -> list[bytes]:
    request = job_folder._Request(
        FineTuneConfig(steps=30), ("YX",), None, 12.0, "cpu", ("a",), "nuclei-fluo"
    )
    return [TypeAdapter(job_folder._Request).dump_json(request)]


def _batch_requests(folder: Path) -> list[bytes]:
    BatchRequest("/data/a.tif", usual_recipe("nuclei-fast"), block=128, halo=48).save(folder)
    return [next(folder.glob("*.json")).read_bytes()]


def _plans(folder: Path) -> list[bytes]:
    image = ImagePlan("a", "a.tif", "a_labels.tif", side=(64, 64), axes="YX", shape=(99, 80))
    (folder / "work").mkdir()
    RunPlan((image, replace(image, name="b", side=())), "m", {"torch": "2"}).save(folder)
    return [(folder / "work" / "plan.json").read_bytes()]


def _progress(folder: Path) -> list[bytes]:
    return [
        json.dumps(
            {"state": "running", "stage": "segment", "done": 3, "count": 9, "outputs": ["a"],
             "pid": 1, "host": "h", "updated": 1.0}
        ).encode()
    ]  # fmt: skip


def _logs(folder: Path) -> list[bytes]:
    writer = RecordWriter(folder, "segment")
    for key in range(5):
        writer.write(Record(key, key, key, b"payload" * key))
    writer.close()
    return [next(folder.glob("*.log")).read_bytes()]


def _read_log(path: Path) -> Any:
    index = read_index(path.parent, "segment", 6)
    for key in np.flatnonzero(index.done):
        index.payload(int(key))
    return index.own(), index.all(), index.failed


def _edits(folder: Path) -> list[bytes]:
    from safetensors.numpy import save

    values = {"start": np.array([1, 2]), "before": IMAGE, "after": IMAGE + 1}
    return [save(values)]


def _declarations(folder: Path) -> list[bytes]:
    return [
        b'space = "euclidean"\nbandwidth = 1.0\ndelta_var = 0.5\nembedding = [0, 1, 2, 3]\n'
        b'foreground = 4\naxes = "YX"\nmean = [0.0]\nstd = [1.0]\nobject_diameter = 20.0\n'
    ]


def _zarr(folder: Path, version: str, name: str) -> list[bytes]:
    path = folder / "image.ome.zarr"
    write_ome_zarr(path, label_frames(IMAGE.astype(np.int64), "YX"), version=version)
    return [(path / name).read_bytes()]


def _read_zarr(path: Path) -> Any:
    store = next(one for one in path.parents if one.name == "image.ome.zarr")
    return np.asarray(read_ome_zarr_labels(store).labels[:2, :2])


def _in_folder(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: read(path.parent)


def _unpack(path: Path) -> Any:
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    made = unpack_model(path, out)
    made.unlink()
    return made


def _read_plan(path: Path) -> Any:
    return read_plan(path.parent.parent)


READERS = {
    "model": Reader("m.safetensors", load_model, _models, _header_only),
    "model's configuration": Reader("m.safetensors", read_config, _models, _header_only),
    "check of a model": Reader("m.safetensors", check_model_file, _models, _header_only),
    "package": Reader("m.zip", _unpack, _packages),
    "declaration": Reader("m.toml", partial(read_declaration, name="m"), _declarations),
    "TIFF": Reader("i.tif", read_image, _tiffs),
    "labels": Reader("l.tif", read_labels, _tiffs),
    "PNG": Reader("i.png", read_image, lambda folder: _pictures(folder, "PNG")),
    "BMP": Reader("i.bmp", read_image, lambda folder: _pictures(folder, "BMP")),
    "JPEG": Reader("i.jpg", read_image, lambda folder: _pictures(folder, "JPEG")),
    "array": Reader("i.npy", read_image, _arrays),
    "recipe of a training": Reader("r.toml", load_recipe, _training_recipes),
    "recipe": Reader("r.recipe.json", load_segmentation_recipe, _recipes),
    "journal": Reader("a.corrections", journal.read_journal, _journals, _framed),
    "checkpoint": Reader("a.training", read_checkpoint, _checkpoints, _header_only),
    "step of a checkpoint": Reader(
        "m.training", lambda path: interrupted_at(path.with_suffix(".safetensors")), _checkpoints,
        _header_only,
    ),
    "request of a training": Reader(
        "request.json", _in_folder(TrainingRequest.load), _training_requests
    ),
    "job": Reader("request.json", _in_folder(job_folder._read_request), _jobs),
    "request of a run": Reader("run.json", _in_folder(read_request), _batch_requests),
    "plan of a run": Reader("work/plan.json", _read_plan, _plans),
    "progress of a run": Reader("progress.json", _in_folder(read_progress), _progress),
    "log of a run": Reader("segment-1.log", _read_log, _logs),
    "correction of a result": Reader("000001.edit", edits._read, _edits, _header_only),
    "OME-Zarr": Reader(
        "image.ome.zarr/zarr.json", _read_zarr, partial(_zarr, version="0.5", name="zarr.json")
    ),
    "array of OME-Zarr": Reader(
        "image.ome.zarr/0/zarr.json", _read_zarr, partial(_zarr, version="0.5", name="0/zarr.json")
    ),
    "OME-Zarr 0.4": Reader(
        "image.ome.zarr/.zattrs", _read_zarr, partial(_zarr, version="0.4", name=".zattrs")
    ),
    "array of OME-Zarr 0.4": Reader(
        "image.ome.zarr/0/.zarray", _read_zarr, partial(_zarr, version="0.4", name="0/.zarray")
    ),
}  # fmt: skip
"""Every reader of files by its name."""
