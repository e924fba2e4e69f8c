"""The decorator of all kernels: compiled, cached where possible, without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Compile ``function`` with numba at its first call.

    The machine code is cached on disk, which saves seconds at every start. Where numba finds no
    writable folder, it refuses to cache, and the kernel is compiled at every start instead.
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:
        return _compiled(function, cache=False)


def _compiled(function: Kernel, cache: bool) -> Kernel:
    fastmath = {"reassoc", "contract", "nsz"}  # kernels test for NaN and infinity
    return cast("Kernel", numba.njit(function, nogil=True, cache=cache, fastmath=fastmath))
