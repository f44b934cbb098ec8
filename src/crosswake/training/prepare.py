"""Makes everything a training run needs from its settings, and refuses what cannot work before writing anything."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from crosswake.batches.store import ChipStore, decode
from crosswake.config import TrainConfig
from crosswake.datasets.open import open_reid
from crosswake.datasets.reid import BadFile, Chips, ReidData, cross_modal_identities, identities
from crosswake.errors import CrosswakeError
from crosswake.models.embedder import pick_device
from crosswake.models.transoss import TransOSS
from crosswake.models.weights import count_parameters, load_into, read_weights
from crosswake.training.learner import ReidLearner
from crosswake.training.run import LAST, Run, Standing
from crosswake.training.schedule import make_optimiser
from crosswake.training.splits import split_validation

FABRIC_PRECISION: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def prepare_run(config: TrainConfig) -> Run:
    """Read data, make or restore the model, and refuse what cannot work, before anything is written."""
    data = open_training_data(config)
    check_output(config)
    fabric = make_fabric(config)
    train, held_out = split_validation(data.require_train(), config.validation.fraction, config.seed)
    quiet = config.quiet or not fabric.is_global_zero
    store = decode_split(train, config, "bicubic", quiet)
    validation = decode_split(held_out, config, "bilinear", quiet) if held_out else None
    names = identities(store.chips)
    if len(names) < 2:
        raise CrosswakeError(f"{data.root}: chips of fewer than two training identities can be read; see data check")
    fabric.seed_everything(config.seed, verbose=False)
    model = TransOSS(config.model, len(names))
    report = starting_weights(model, config)
    learner = ReidLearner(model, config.loss, lambda features: gather(fabric, features))
    wrapped, optimiser = fabric.setup(learner, make_optimiser(learner, config.optimiser))
    labels = torch.tensor([names.index(chip.identity) for chip in store.chips])
    run = Run(
        config=config,
        fabric=fabric,
        data=data,
        store=store,
        labels=labels,
        validation=validation,
        learner=wrapped,
        model=model,
        optimiser=optimiser,
        progress=Standing(rows=[]),
    )
    introduce(run, report)
    return run


def open_training_data(config: TrainConfig) -> ReidData:
    """The data, with what cannot be used of it pointed out."""
    if config.data is None:
        raise CrosswakeError("--data: say what to train on: a HOSS-layout folder or a CSV table")
    data = open_reid(config.data)
    if config.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    return data


def check_output(config: TrainConfig) -> None:
    """Raise if the output folder cannot be used, or holds another run."""
    if config.output.exists() and not config.output.is_dir():
        raise CrosswakeError(f"--output: {config.output} is a file; name a folder")
    if not config.resume and (config.output / LAST).exists():
        raise CrosswakeError(f"--output: {config.output} holds a run; add --resume to go on with it, or name another")
    if config.resume and not (config.output / LAST).exists():
        raise CrosswakeError(f"--resume: {config.output} holds no {LAST}; start without --resume, or correct --output")


def make_fabric(config: TrainConfig) -> Fabric:
    """Device, precision and processes; under torchrun its environment decides how many."""
    device = pick_device(config.device)
    if config.precision == "fp16" and device.type == "cpu":
        raise CrosswakeError("--precision: fp16 does not train on a CPU; take bf16 or fp32")
    make_deterministic()
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if launched else config.devices
    nodes = int(os.environ["WORLD_SIZE"]) // devices if launched else 1
    if config.batch.size % (devices * nodes):
        raise CrosswakeError(f"--batch: {config.batch.size} chips cannot be shared by {devices * nodes} processes")
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
        fabric.launch()
    return fabric


def make_deterministic() -> None:
    """Make the same seed give the same weights on the same machine."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def decode_split(chips: Chips, config: TrainConfig, interpolation: Any, quiet: bool) -> ChipStore:
    """Chips decoded as the settings say."""
    return decode(
        chips,
        config.model.image_size,
        sar=config.sar_radiometry,
        interpolation=interpolation,
        strict=config.strict,
        quiet=quiet,
    )


def starting_weights(model: TransOSS, config: TrainConfig) -> list[str]:
    """Load what ``--init`` names, and say what became of every tensor; a resumed run has its own weights."""
    if config.init is None or config.resume:
        return []
    return load_into(model, read_weights(init_path(config.init))).lines()


def init_path(name: str) -> Path:
    """The weight file that ``--init`` means: a file as given, else a name that can be downloaded."""
    if Path(name).exists():
        return Path(name)
    from crosswake.datasets.hub import weights_path  # noqa: PLC0415

    return weights_path(name)


def gather(fabric: Fabric, features: Tensor) -> Tensor:
    """(share, width) of every process as (batch, width), in the order of processes, with gradients."""
    if fabric.world_size == 1:
        return features
    gathered = fabric.all_gather(features, sync_grads=True)
    assert isinstance(gathered, Tensor)
    return gathered.flatten(0, 1)


def introduce(run: Run, weights: list[str]) -> None:
    """Say what is about to be trained on what; list bad files."""
    config, store = run.config, run.store
    shared = len(cross_modal_identities(store.chips))
    held = f", {len(identities(run.validation.chips))} identities held out for validation" if run.validation else ""
    run.say(
        f"training on {run.data.name}: {len(store)} chips of {len(identities(store.chips))} identities "
        f"({shared} in both modalities){held}"
    )
    height, width = config.model.image_size
    run.say(
        f"TransOSS {height} x {width}, {count_parameters(run.model) / 1e6:.1f} M weights, on {run.fabric.device} "
        f"x {run.fabric.world_size}, {config.precision}; results in {config.output}"
    )
    for line in weights:
        run.say(line)
    bad: list[BadFile] = [*run.data.bad_files, *store.bad_files]
    bad += run.validation.bad_files if run.validation else []
    for file in bad:
        run.say(f"left out {file.path}: {file.reason}")
    if bad:
        run.say(f"{len(bad)} files left out; --strict stops at the first")
    if config.validation.fraction and run.validation is None:
        run.say("too few identities in both modalities to hold any out: the last epoch is kept, not the best")
