"""Settings of a model whose weight file holds none: a YAML file beside it, of its name."""

from pathlib import Path
from typing import Any

from crosswake.settings.recipe import read_settings


def beside(path: Path) -> Path:
    """``weights.yaml`` of ``weights.pth``."""
    return path.with_suffix(".yaml")


def read_beside(path: Path) -> dict[str, Any]:
    """What the file beside a weight file says; nothing where there is none. It may be the
    settings.yaml of a training run, of which ``model`` and ``sar_radiometry`` count.

    Raises:
        CrosswakeError: it holds no settings.
    """
    return read_settings(str(beside(path)), str(path)) if beside(path).is_file() else {}
