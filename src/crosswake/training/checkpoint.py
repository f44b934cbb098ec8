"""Checkpoints: written whole or not at all, read without executing anything."""

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crosswake.core.errors import CrosswakeError
from crosswake.models.checkpoints import CHECKPOINT_FORMAT, read_file


def save_whole(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint under a temporary name, flush it to disk, then rename it.

    Raises:
        CrosswakeError: it cannot be written (a full disk, say); an older file of that name stays as
            it was.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            torch.save({"format": CHECKPOINT_FORMAT, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise CrosswakeError(
            f"{path}: cannot be written ({error}); make room, then go on with --resume"
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`save_whole` wrote.

    Raises:
        CrosswakeError: it is missing or not a checkpoint of ours.
    """
    if not path.is_file():
        raise CrosswakeError(
            f"{path}: nothing to resume from; start without --resume, or correct --output"
        )
    content = read_file(path)
    if content.get("format") != CHECKPOINT_FORMAT:
        raise CrosswakeError(f"{path}: not a checkpoint of this program")
    return dict(content)


def random_state() -> dict[str, Any]:
    """The state of every global random generator, in types that can be read safely."""
    version, internal, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set every global random generator as it was."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
