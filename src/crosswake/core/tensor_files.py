"""Tensor files: written whole or not at all, and read without running any code in them.

PyTorch is imported late, so that a program which touches no tensors starts without it."""

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing

CHECKPOINT_FORMAT = "crosswake-1"
"""What our own files say under ``format``."""


def write_tensors(content: Mapping[str, Any], path: Path) -> None:
    """Write tensors and plain values as one of our own files.

    Raises:
        CrosswakeError: it cannot be written (a full disk, say); an older file of that name stays as
            it was.
    """
    import torch

    with replacing(path, remedy="make room, then go on with --resume") as temporary:
        try:
            with temporary.open("wb") as file:  # given a path, torch.save writes its name as well
                torch.save({"format": CHECKPOINT_FORMAT, **content}, file)
        except RuntimeError as error:  # what PyTorch's own writer raises on a full disk
            raise OSError(str(error)) from error


def read_tensors(path: Path) -> Mapping[str, Any]:
    """The dictionary in a ``.safetensors`` file, or in one that ``torch.save`` has written.

    Raises:
        CrosswakeError: it cannot be read, or not without running code that it holds.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with torch.serialization.safe_globals(harmless()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise CrosswakeError(
            f"{path}: holds more than tensors and plain values{what}, so it is not safe to read; "
            "save its state_dict alone"
        ) from error
    except Exception as error:  # both readers raise many kinds
        words = str(error).strip().splitlines()
        detail = words[0] if words and not words[0].isdigit() else type(error).__name__
        raise CrosswakeError(
            f"{path}: not a readable weight file ({detail}); fetch it again"
        ) from error
    if not isinstance(content, Mapping):
        raise CrosswakeError(
            f"{path}: holds a {type(content).__name__}, not a dictionary of weights"
        )
    return content


def harmless() -> list[Any]:
    """What published checkpoints hold beside tensors, and runs no code: options as argparse has
    them, and scalars of NumPy."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    return [argparse.Namespace, np.dtype, scalar, (scalar, "numpy.core.multiarray.scalar"), *kinds]
