"""Where networks run, and in which precision."""

from __future__ import annotations

import contextlib
import re

import torch


def available_devices() -> list[str]:
    """Devices of this machine, the fastest first: some of "cuda", "mps", and always "cpu"."""
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices


def resolve_device(device: str = "auto") -> torch.device:
    """Turn a user's choice into a device.

    Parameters
    ----------
    device : str
        "auto" for the fastest there is, or "cpu", "cuda", "cuda:1", "mps".

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
    """Run convolutions in bfloat16 where the device computes with it natively."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported())
    if device.type == "cpu" and _cpu_has_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def learning_precision(
    device: torch.device, ndim: int
) -> contextlib.AbstractContextManager[object]:
    """Choose the precision to learn in: as :func:`autocast`, but float32 for volumes on the CPU.

    There, where a layer sees exactly two planes, the gradient of its bfloat16 weights is garbage
    on processors with AVX-512 alone (oneDNN in torch 2.13).
    """
    if device.type == "cpu" and ndim == 3:
        return contextlib.nullcontext()
    return autocast(device)


def _cpu_has_bfloat16() -> bool:
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported is not None and supported())
