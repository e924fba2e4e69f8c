"""One decorator for all kernels: compiled, cached where possible, and free of the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def jit(function: Kernel) -> Kernel:
    """Compile ``function`` with numba at its first call.

    The machine code is cached on disk, which saves seconds at every start. Where numba finds no
    folder that it may write, it refuses to cache and the kernel is compiled anew instead.
    """
    try:
        return _compiled(function, cache=True)
    except RuntimeError:
        return _compiled(function, cache=False)


def _compiled(function: Kernel, cache: bool) -> Kernel:
    fastmath = {"reassoc", "contract", "nsz"}  # NaN and infinity must still be seen
    return cast("Kernel", numba.njit(function, nogil=True, cache=cache, fastmath=fastmath))
