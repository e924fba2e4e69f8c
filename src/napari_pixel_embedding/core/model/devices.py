"""Devices and numerical precision of networks."""

from __future__ import annotations

import contextlib
import re

import torch


def available_devices() -> list[str]:
    """Return the devices of this machine, fastest first: "cuda", "mps" if present, and "cpu"."""
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices


def resolve_device(device: str = "auto") -> torch.device:
    """Return the torch device for a user's choice.

    Parameters
    ----------
    device : str
        "auto" for the fastest available, or "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    ValueError
        When this machine has no such device; the message lists what it has.
    """
    available = available_devices()
    if device == "auto":
        return torch.device(available[0])
    if not re.fullmatch(rf"({'|'.join(available)})(:\d+)?", device):
        raise ValueError(
            f"device must be auto or one of {', '.join(available)} on this machine, "
            f"found {device!r}."
        )
    return torch.device(device)


def autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return a context that runs convolutions in bfloat16 where the device supports it natively."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported())
    if device.type == "cpu" and _cpu_has_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def learning_precision(
    device: torch.device, ndim: int
) -> contextlib.AbstractContextManager[object]:
    """Return the precision for training: :func:`autocast`, but float32 for volumes on the CPU.

    On processors with AVX-512 but without AMX, the weight gradient of a bfloat16 3-D convolution
    with exactly two input planes is wrong (oneDNN in torch 2.13).
    """
    if device.type == "cpu" and ndim == 3:
        return contextlib.nullcontext()
    return autocast(device)


def _cpu_has_bfloat16() -> bool:
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported is not None and supported())
