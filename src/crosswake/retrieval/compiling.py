"""Plain loops in machine code, by numba where it is installed (the extra ``fast``)."""

import functools
from collections.abc import Callable
from typing import Any

WORTH = 20_000_000
"""Steps from which on compiled code repays its import, half a second or so, and at its very first
use its making."""


@functools.cache
def compiled(function: Callable[..., Any], types: str) -> Any:
    """The function in machine code, which other threads need not wait for; None without numba.

    Args:
        function: loops over arrays.
        types: numba's signature, with ``{0}`` for the type of indices, of 32 or 64 bit.
    """
    try:
        from numba import njit
    except ImportError:
        return None
    signatures = list(dict.fromkeys(types.format(kind) for kind in ("i4", "i8")))
    try:
        return njit(signatures, nogil=True, cache=True)(function)
    except (RuntimeError, OSError):  # nowhere to keep it, or no room
        return njit(signatures, nogil=True)(function)
