"""Functions over dense records: compiled where numba is, the same functions as plain Python where it is not.

numba's cache looks only at the file of the function itself, and these functions call each other across files; so their
cache lies in a folder named by what all of them say. No Django here.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

numba: Any
try:
    import numba
except ImportError:
    numba = None

Array = NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])
COMPILED = numba is not None and os.environ.get("SHOUWANG_NUMBA", "1") != "0"
FILES = ("compiled", "signals", "tiers", "batches", "sweeps")
HERE = Path(__file__).parent


def _cache() -> str:
    said = b"".join((HERE / f"{name}.py").read_bytes() for name in FILES)
    return str(HERE / "__pycache__" / f"kernel-{hashlib.sha256(said).hexdigest()[:16]}")


CACHE = _cache() if COMPILED else ""


def jit(fn: F) -> F:
    """The function compiled, or itself."""
    return _made(fn, inline="never")


def inlined(fn: F) -> F:
    """The same, written into its callers: for what a hot loop asks per check. A call that hands columns over costs
    about 40 ns, as much as everything else a quiet reading needs.
    """
    return _made(fn, inline="always")


def _made(fn: F, inline: str) -> F:
    if not COMPILED:
        return fn
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, CACHE
    try:
        compiled: F = numba.njit(cache=True, nogil=True, inline=inline)(fn)
    finally:
        numba.config.CACHE_DIR = before
    return compiled
