"""What several processes do together: share a batch, join features, and agree to stop."""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor

from crosswake.batches.devices import make_deterministic, pick_device
from crosswake.core.errors import CrosswakeError
from crosswake.settings.run import RunConfig
from crosswake.training.processes import start_others

Gather = Callable[[Tensor], Tensor]
"""Joins what every process has of a batch: :func:`gather_processes` of a run's processes."""
FABRIC_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(config: RunConfig) -> Fabric:
    """Device, precision and processes; under torchrun its environment decides how many.

    Raises:
        CrosswakeError: there is no such device, it does not train in that precision, or the
            processes do not divide a batch.
    """
    device = pick_device(config.device)
    if config.precision == "fp16" and device.type == "cpu":
        raise CrosswakeError("--precision: fp16 does not train on a CPU; take bf16 or fp32")
    make_deterministic()
    silence_fabric()
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if launched else config.devices
    nodes = int(os.environ["WORLD_SIZE"]) // devices if launched else 1
    if config.batch_size % (devices * nodes):
        raise CrosswakeError(
            f"--batch: {config.batch_size} cannot be shared by {devices * nodes} processes"
        )
    if device.type != "cpu" and devices > (found := count_devices(device)):
        raise CrosswakeError(f"--devices: this machine has {found} of {device.type}, not {devices}")
    strategy = DDPStrategy(find_unused_parameters=config.skips_weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy if devices * nodes > 1 else "auto",
            precision=FABRIC_PRECISION[config.precision],
        )
        cluster = getattr(fabric.strategy, "cluster_environment", None)
        if cluster is not None and not cluster.creates_processes_externally:
            start_others(devices)
        fabric.launch()
    return fabric


def count_devices(device: torch.device) -> int:
    """How many devices of that kind, which is none of CPU, there are."""
    return torch.cuda.device_count() if device.type == "cuda" else 1


def silence_fabric() -> None:
    """Hide what Fabric says of its own processes, and a warning that PyTorch gives at every
    exchange."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", message="torch.distributed.nn.functional.all_gather is deprecated"
    )


def gather_processes(fabric: Fabric, features: Tensor) -> Tensor:
    """(share, ...) of every process as (batch, ...), in the order of processes, with gradients."""
    if fabric.world_size == 1:
        return features
    gathered = fabric.all_gather(features, sync_grads=True)
    assert isinstance(gathered, Tensor)
    return gathered.flatten(0, 1)


def share_of(fabric: Fabric, size: int) -> slice:
    """The rows of a batch of ``size`` that this process sees.

    Raises:
        CrosswakeError: the processes do not divide it.
    """
    share = size // fabric.world_size
    if share * fabric.world_size != size:
        raise CrosswakeError(f"--devices: {fabric.world_size} do not divide a batch of {size}")
    return slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)


class StopRequest:
    """While active, the first Ctrl-C (or SIGTERM) asks to stop at the next safe point; a second one
    interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def agreed(self, fabric: Fabric) -> bool:
        """Whether any process was asked to stop; all processes come to the same answer."""
        if fabric.world_size == 1:
            return self.requested
        asked = fabric.all_reduce(
            torch.tensor(float(self.requested), device=fabric.device), reduce_op="sum"
        )
        assert isinstance(asked, Tensor)
        return bool(asked.item() > 0)


class TrainingInterruptedError(KeyboardInterrupt):
    """Training stopped on request; the message says how to go on."""
