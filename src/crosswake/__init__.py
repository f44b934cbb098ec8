"""Crosswake recognises the same ship in optical and SAR satellite images."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

if TYPE_CHECKING:
    from crosswake.models.embedder import load


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, so ``import crosswake`` alone must not bring it in.
    if name == "load":
        from crosswake.models.embedder import load  # noqa: PLC0415

        return load
    raise AttributeError(f"module 'crosswake' has no attribute {name!r}")
