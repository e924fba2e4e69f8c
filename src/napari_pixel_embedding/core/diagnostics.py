"""What a report of a problem needs to say about the program and the machine; nothing private."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import psutil

from napari_pixel_embedding.core.blockwise.memory import available_memory
from napari_pixel_embedding.core.model.config import list_models

PACKAGES = (
    "napari-pixel-embedding",
    "napari",
    "torch",
    "numpy",
    "scikit-image",
    "scipy",
    "numba",
    "tifffile",
    "imagecodecs",
    "pydantic",
    "qtpy",
    "PyQt6",
    "PySide6",
)
"""Packages whose versions decide what the program does."""


def diagnostics() -> str:
    """Return versions, devices, memory, threads and the bundled models, a line for each.

    There are no paths and no names of files, users or computers in it.
    """
    facts = [*_versions(), *_machine(), *_devices(), *_models()]
    return "\n".join(f"{name}: {value}" for name, value in facts)


def _versions() -> list[tuple[str, str]]:
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found


def _machine() -> list[tuple[str, str]]:
    gibibyte = 2**30
    total, free = psutil.virtual_memory().total, available_memory()
    return [
        ("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Processors", f"{os.cpu_count()}"),
        ("Memory", f"{total / gibibyte:.1f} GiB, {free / gibibyte:.1f} GiB available"),
    ]


def _devices() -> list[tuple[str, str]]:
    import torch

    from napari_pixel_embedding.core.model.devices import available_devices

    devices = [("Devices", ", ".join(available_devices()))]
    devices += [("Threads", f"{torch.get_num_threads()}")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = properties.total_memory / 2**30
        devices.append((f"CUDA {number}", f"{properties.name}, {memory:.1f} GiB"))
    return devices


def _models() -> list[tuple[str, str]]:
    from napari_pixel_embedding.core.model.model_file import fingerprint, load_model

    return [(f"Model {name}", fingerprint(load_model(name))) for name in list_models()]
