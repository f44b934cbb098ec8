"""Crosswake recognises the same ship in optical and SAR satellite images."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Chip", "Modality", "__version__", "load", "search"]

if TYPE_CHECKING:
    from crosswake.data.chips import Chip, Modality
    from crosswake.embedding.search import search
    from crosswake.models.embedder import load

HOME = {
    "load": "crosswake.models.embedder",
    "search": "crosswake.embedding.search",
    "Chip": "crosswake.data.chips",
    "Modality": "crosswake.data.chips",
}


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, so ``import crosswake`` alone must not bring it in.
    if name in HOME:
        return getattr(import_module(HOME[name]), name)
    raise AttributeError(f"module 'crosswake' has no attribute {name!r}")
