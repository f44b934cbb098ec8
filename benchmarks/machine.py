"""What the machine is, and its best rates of products and copies."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MATRIX_SIDE = 2048
COPY_BYTES = 2**28
TRIALS = 5
PACKAGES = ("crosswake", "torch", "numpy", "scipy")


def describe_machine(device: str = "cpu") -> dict[str, object]:
    """Processor, cores, memory, threads and the versions that timings depend on."""
    import torch

    found: dict[str, object] = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def processor_name() -> str:
    """The processor's name as the system has it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure_limits(device: str = "cpu") -> dict[str, float]:
    """Best rates a second: ``flops`` of a float32 matrix product, ``bytes`` of a copy.

    A copied byte counts twice: it is read and written.
    """
    import torch

    square = torch.rand(MATRIX_SIDE, MATRIX_SIDE, device=device)
    product = torch.empty_like(square)
    block = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(block)
    return {
        "flops": 2 * MATRIX_SIDE**3 / best(lambda: torch.mm(square, square, out=product), device),
        "bytes": 2 * COPY_BYTES / best(lambda: target.copy_(block), device),
    }


def square_products(device: str = "cpu") -> tuple[Callable[[], None], float]:
    """A way that does some float32 matrix products, and how many operations they take."""
    import torch

    square = torch.rand(MATRIX_SIDE, MATRIX_SIDE, device=device)
    target = torch.empty_like(square)

    def products() -> None:
        for _ in range(TRIALS):
            torch.mm(square, square, out=target)
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return products, 2.0 * TRIALS * MATRIX_SIDE**3


def best(work: Callable[[], Any], device: str) -> float:
    """Seconds of the fastest of a few runs, after one to warm up."""
    import torch

    quickest = float("inf")
    for trial in range(TRIALS + 1):
        started = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        if trial:
            quickest = min(quickest, time.perf_counter() - started)
    return quickest
