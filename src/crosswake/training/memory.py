"""The most memory that a run has held."""

import sys

import torch


class Peak:
    """Watches memory from now on: the GPU's where the run is on one, else the process's own.

    Args:
        device: where the run is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def columns(self) -> dict[str, int]:
        """``peak_bytes`` as a column of an epoch's row; nothing where the system does not say."""
        found = (
            torch.cuda.max_memory_allocated(self.device)
            if self.device.type == "cuda"
            else process_peak()
        )
        return {} if found is None else {"peak_bytes": found}


def process_peak() -> int | None:
    """Bytes that this process has held at most since it started; None on Windows, which does not
    say."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
