"""Tensor files: written whole or not at all, and read without running any code in them.

PyTorch is imported late, so that a program which touches no tensors starts without it."""

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing

FORMAT_FAMILY = "crosswake-"
CHECKPOINT_FORMAT = f"{FORMAT_FAMILY}1"
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
        CrosswakeError: it cannot be read, is damaged, or holds what only its own code could read.
    """
    import torch

    if not path.is_file():
        raise CrosswakeError(f"{path}: no such weight file")
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        check_archive(path)
        with torch.serialization.safe_globals(harmless()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except CrosswakeError:
        raise
    except Exception as error:  # both readers raise many kinds
        raise CrosswakeError(f"{path}: {why_unreadable(error)}") from error
    if not isinstance(content, Mapping):
        raise CrosswakeError(
            f"{path}: holds a {type(content).__name__}, not a dictionary of weights"
        )
    return content


def check_archive(path: Path) -> None:
    """Compare every member of a file of ``torch.save`` with the checksum that the file has for it,
    since PyTorch does not; the format before 2020 has none.

    Raises:
        CrosswakeError: a member has changed since it was written, or is not as PyTorch writes it.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:  # could be far larger than the file
                raise CrosswakeError(
                    f"{path}: '{member.filename}' is compressed, which torch.save does not do; "
                    "save the weights again with it"
                )
            with archive.open(member) as content:
                if not member.CRC:  # torch.save was told to write none
                    content._expected_crc = None  # type: ignore[attr-defined]
                try:
                    while content.read(1 << 20):
                        pass
                except zipfile.BadZipFile as error:
                    raise CrosswakeError(
                        f"{path}: '{member.filename}' in it is damaged, for its checksum differs; "
                        "fetch or copy the file again"
                    ) from error


def why_unreadable(error: Exception) -> str:
    """What a reader's exception means, and what to do, in one line."""
    inner = re.search(r"WeightsUnpickler error: (.*)", str(error))  # PyTorch wraps it in advice
    words = (inner[1] if inner else str(error)).strip().splitlines()
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and found:
        return (
            f"holds a {found[1]} beside the weights, which is not safe to read, as it may run "
            "code; if you trust the file, save its weights alone: torch.save(torch.load(FILE, "
            "weights_only=False)['state_dict'], NEW)"
        )
    detail = words[0][:200] if words and not words[0].isdigit() else type(error).__name__
    return f"not a readable weight file ({detail}); fetch it again"


def harmless() -> list[Any]:
    """What published checkpoints hold beside tensors, and runs no code: options as argparse has
    them, and scalars of NumPy."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    return [argparse.Namespace, np.dtype, scalar, (scalar, "numpy.core.multiarray.scalar"), *kinds]
