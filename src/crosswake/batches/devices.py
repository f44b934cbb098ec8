"""The processor that tensors live on, and the same results from it every time."""

import os

import torch

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import Device


def pick_device(name: Device) -> torch.device:
    """The device by name; ``auto`` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        CrosswakeError: it is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there.get(name, False):
        raise CrosswakeError(
            f"--device: this machine has no '{name}' that torch can use; take auto or cpu"
        )
    return torch.device(name)


def make_deterministic() -> None:
    """Make the same seed give the same weights on the same machine."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
