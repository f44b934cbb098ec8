"""What the commands of ``crosswake gallery`` share."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.core.errors import CrosswakeError
from crosswake.settings.gallery import GalleryConfig

if TYPE_CHECKING:
    from crosswake.gallery.catalogue import Gallery
    from crosswake.models.base import ChipEmbedder
    from crosswake.settings.common import DeviceConfig


def open_named(config: GalleryConfig) -> "Gallery":
    """The gallery that a command names."""
    from crosswake.gallery.catalogue import open_gallery

    return open_gallery(config.gallery, config.storage_options)


def loaded(checkpoint: Path | None, config: "DeviceConfig") -> "ChipEmbedder | None":
    """The model that a command names, if it does."""
    if checkpoint is None:
        return None
    from crosswake.models.embedder import load

    return load(checkpoint, device=config.device, precision=config.precision)


def require_source(option: str, source: Path) -> None:
    """Raise one line unless there is such a file or folder."""
    if not source.exists():
        raise CrosswakeError(f"{option}: {source}: no such file or folder; correct the path")
