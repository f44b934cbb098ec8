"""Makes what every training run needs, and refuses what cannot work before anything is written."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.models.checkpoints import count_parameters, load_into, read_weights
from crosswake.models.embedder import pick_device
from crosswake.models.model import ReidModel
from crosswake.settings.run import RunConfig
from crosswake.training.distributed import start_others
from crosswake.training.optimisers import make_optimiser
from crosswake.training.run import LAST, Job, Run, TrainState
from crosswake.training.saving import check_decoded, read_run

TITLES = {"transoss": "TransOSS", "sdf_net": "SDF-Net"}
FABRIC_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def set_up(
    config: RunConfig, fabric: Fabric, job: Job, model: ReidModel, learner: nn.Module
) -> tuple[Run, list[str]]:
    """A run at its start, and what became of the weights that it starts from.

    Args:
        config: the settings.
        fabric: device, precision and processes.
        job: what is learnt from.
        model: with its first values.
        learner: the model with its losses.
    """
    check_batches(job, fabric.world_size)
    if config.resume:
        check_decoded(config, job.decoded)
    weights = starting_weights(model, config)
    model.base.recompute, model.base.channels_last = config.recompute_blocks, config.channels_last
    if config.compile:
        check_compiler(fabric.device)
        # In place, so that weights keep their names; losses are little work and of many shapes.
        model.base.compile()
    optimiser = make_optimiser(learner, config.optimiser, fused=can_fuse(config, fabric.device))
    wrapped, optimiser = fabric.setup(learner, optimiser)
    run = Run(
        config=config,
        fabric=fabric,
        job=job,
        learner=wrapped,
        model=model,
        optimiser=optimiser,
        state=TrainState(rows=[]),
    )
    return run, weights


def check_folders(config: RunConfig) -> None:
    """Raise, before any data are read, if output or cache or the run to resume cannot be used."""
    refuse_file(config.output, "--output")
    refuse_file(getattr(config, "cache", None), "--cache")
    if not config.resume and (config.output / LAST).exists():
        raise CrosswakeError(
            f"--output: {config.output} holds a run; add --resume to go on with it, or name another"
        )
    if config.resume and not (config.output / LAST).exists():
        raise CrosswakeError(
            f"--resume: {config.output} holds no {LAST}; start without --resume, or correct "
            "--output"
        )


def check_start(config: RunConfig, fingerprint: str) -> None:
    """Raise, before anything is decoded, if the run to resume or the weights to start from cannot
    be used.

    Args:
        config: the settings.
        fingerprint: of the data.
    """
    if config.resume:
        read_run(config, fingerprint)
    elif config.init is not None:
        read_weights(init_path(config.init))


def refuse_file(folder: Path | None, option: str) -> None:
    """Raise if a folder that may have to be made is a file, or would lie below one."""
    for path in (folder, *folder.parents) if folder is not None else ():
        if path.exists() and not path.is_dir():
            raise CrosswakeError(f"{option}: {path} is a file; name a folder")


def check_batches(job: Job, processes: int) -> None:
    """Raise unless an epoch has a batch of two samples or more that all processes have a share
    in."""
    batches = job.batches(1)
    if not batches or len(batches[0]) < 2:
        shared = f" that {processes} --devices can share" if processes > 1 else ""
        raise CrosswakeError(
            f"{job.root}: an epoch has no batch of two {job.unit} or more{shared}; add some"
        )


def make_fabric(config: RunConfig) -> Fabric:
    """Device, precision and processes; under torchrun its environment decides how many."""
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
    strategy = "ddp" if devices * nodes > 1 else "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=FABRIC_PRECISION[config.precision],
        )
        cluster = getattr(fabric.strategy, "cluster_environment", None)
        if cluster is not None and not cluster.creates_processes_externally:
            start_others(devices)
        fabric.launch()
    return fabric


def silence_fabric() -> None:
    """Keep it from telling of its own processes, and from a warning of PyTorch's at every
    exchange."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", message="torch.distributed.nn.functional.all_gather is deprecated"
    )


def make_deterministic() -> None:
    """Make the same seed give the same weights on the same machine."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def can_fuse(config: RunConfig, device: torch.device) -> bool:
    """Whether the fused optimiser is wanted and there; with fp16 it scales gradients itself, too
    late to clip them."""
    clips_scaled = config.precision == "fp16" and config.optimiser.clip_norm is not None
    return config.fused and device.type in ("cpu", "cuda") and not clips_scaled


def check_compiler(device: torch.device) -> None:
    """Raise unless torch.compile works here; it wants a C++ compiler on the CPU, and Triton on a
    GPU."""
    try:
        torch.compile(torch.sin)(torch.ones(8, device=device))
    except Exception as error:  # every backend has errors of its own
        detail = next(
            (line for line in str(error).splitlines() if line.strip()), type(error).__name__
        )
        raise CrosswakeError(
            f"--compile: torch.compile does not work here ({detail}); leave it out"
        ) from error


def starting_weights(model: ReidModel, config: RunConfig) -> list[str]:
    """Load what ``--init`` names, and say what became of every tensor; a resumed run has its own
    weights."""
    if config.init is None or config.resume:
        return []
    return load_into(model, read_weights(init_path(config.init))).lines()


def init_path(name: str) -> Path:
    """The weight file that ``--init`` means: a file as given, else a name that can be
    downloaded."""
    if Path(name).exists():
        return Path(name)
    from crosswake.data.download.hub import weights_path

    return weights_path(name)


def gather(fabric: Fabric, features: Tensor) -> Tensor:
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


def introduce(run: Run, weights: list[str]) -> None:
    """Say what is about to be learnt from what; list what is left out, quiet or not."""
    config = run.config
    run.say(run.job.introduce())
    height, width = config.model.image_size
    run.say(
        f"{TITLES[config.model.method]} {height} x {width}, "
        f"{count_parameters(run.model) / 1e6:.1f} M weights, on {run.fabric.device} "
        f"x {run.fabric.world_size}, {config.precision}; results in {config.output}"
    )
    if config.compile:
        run.say("the first step compiles the model, which takes a minute or more")
    for line in weights:
        run.say(line)
    for file in run.job.bad_files:
        run.warn(f"left out {file.path}: {file.reason}")
    if run.job.bad_files:
        run.warn(f"{counted(len(run.job.bad_files), 'file')} left out; --strict stops at the first")
