"""Finds the reference values that are kept beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

SHARED = Path(__file__).resolve().parents[2] / "shared"


def golden(name: str) -> Path:
    """A reference file, or a skip that says so."""
    path = SHARED / "golden" / name
    if not path.exists():
        pytest.skip(f"reference file {name} is not beside this checkout")
    return path


def golden_tensors(name: str) -> dict[str, Tensor]:
    """Every array of a reference ``.npz``."""
    return {
        key: torch.from_numpy(np.asarray(value)) for key, value in np.load(golden(name)).items()
    }


def real_data(name: str) -> Path:
    """A folder of real imagery, or a skip that says so."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"real imagery {name} is not beside this checkout")
    return path
