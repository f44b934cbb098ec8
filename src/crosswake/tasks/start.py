"""What tasks of one model and one optimiser share: how they start, and what is said of it."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from lightning_fabric import Fabric

from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.check.facts import Finding
from crosswake.data.check.findings import summary_lines
from crosswake.data.reid import BadFile
from crosswake.models.build import build_model
from crosswake.models.checkpoints import count_parameters, load_into
from crosswake.models.model import ReidModel
from crosswake.models.weight_files import read_weights
from crosswake.settings.reid_run import ReidRunConfig
from crosswake.settings.run import RunConfig
from crosswake.tasks.idle import Learner, freeze_idle
from crosswake.training.checkpoint import find_run
from crosswake.training.optimisers import Optimisation
from crosswake.training.task import Index, Run

TITLES = {"transoss": "TransOSS", "sdf_net": "SDF-Net"}
Config = TypeVar("Config", bound=ReidRunConfig)


class ModelTask(Generic[Config]):
    """The part of a task that its data do not matter to.

    Args:
        config: the run's settings.
        fabric: device, precision and processes.
        model: with its first values.
        learner: the model with its losses.

    Attributes:
        identities: rows of the classifier, sorted; empty without one.
        bad_files: what was passed over.
        findings: what is the matter with the data, as ``data check`` has it.
        loaded: what became of the weights that ``--init`` names.
    """

    unit: str
    identities: Sequence[str] = ()
    bad_files: tuple[BadFile, ...]
    findings: Sequence[Finding] = ()

    def __init__(self, config: Config, fabric: Fabric, model: ReidModel, learner: Learner) -> None:
        self.config, self.model = config, model
        self.loaded = starting_weights(model, config)
        freeze_idle(learner)
        set_flags(model, config, fabric.device)
        self.optimisation = Optimisation(fabric, learner, config)

    def start_epoch(self, epoch: int) -> dict[str, float]:
        """Set the model to training and the optimiser to the epoch's learning rate."""
        self.optimisation.module.train()
        return {"learning_rate": self.optimisation.set_rate(epoch)}

    def weights(self) -> dict[str, Any]:
        """The model, and whom its classifier tells apart."""
        state = self.model.state_dict()
        model = {name: value.detach().cpu().clone() for name, value in state.items()}
        return {"model": model, "identities": list(self.identities)}

    def state(self) -> dict[str, Any]:
        """The same and the optimiser."""
        return self.weights() | {"optimiser": self.optimisation.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a :meth:`state`."""
        self.model.load_state_dict(state["model"])
        self.optimisation.load_state(state["optimiser"])

    def introduce(self) -> str:
        """One line: what is about to be learnt from."""
        raise NotImplementedError

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch."""
        raise NotImplementedError


def find_start(config: ReidRunConfig) -> Mapping[str, Any] | None:
    """What a run starts from, judged before any data are read.

    Returns:
        the checkpoint to go on from; None for a new run.

    Raises:
        CrosswakeError: the run cannot be resumed, the model cannot be made, or the weights that
            ``--init`` names do not fit it.
    """
    before = find_run(config)
    if before is None:
        with torch.device("meta"):  # shapes without memory
            model = build_model(config.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing is copied, as is meant
            starting_weights(model, config)
    return before


def starting_weights(model: ReidModel, config: ReidRunConfig) -> list[str]:
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


def set_flags(model: ReidModel, config: ReidRunConfig, device: torch.device) -> None:
    """What makes the model quicker or smaller in training and changes nothing that it learns."""
    model.base.recompute, model.base.channels_last = config.recompute_blocks, config.channels_last
    if config.compile:
        check_compiler(device)
        # In place, so that weights keep their names; losses are little work and of many shapes.
        model.base.compile()


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


def introduce(run: Run, task: ModelTask[Any]) -> None:
    """Say what is about to be learnt from what; list what is left out, quiet or not."""
    config: ReidRunConfig = task.config
    run.say(task.introduce())
    height, width = config.model.image_size
    run.say(
        f"{TITLES[config.model.method]} {height} x {width}, "
        f"{count_parameters(task.model) / 1e6:.1f} M weights, on {run.fabric.device} "
        f"x {run.fabric.world_size}, {config.precision}; results in {config.output}"
    )
    for line in smaller_steps(config, task.batches(1), task.unit):
        run.say(line)
    if config.compile:
        run.say("the first step compiles the model, which takes a minute or more")
    for line in task.loaded:
        run.say(line)
    for line in summary_lines(task.findings):
        run.warn(f"warning: {line}")
    for file in task.bad_files:
        run.warn(f"left out {file.path}: {file.reason}")
    if task.bad_files:
        run.warn(f"{counted(len(task.bad_files), 'file')} left out; --strict stops at the first")


def smaller_steps(config: RunConfig, batches: Sequence[Index], unit: str) -> list[str]:
    """What became of batches that are larger than the data, and of steps of more batches than an
    epoch has."""
    lines, size = [], len(batches[0])
    if size < config.batch_size:
        lines.append(
            f"a batch has {size} {unit}, not {config.batch_size}, for the data have no more for one"
        )
    if len(batches) < config.accumulate:
        lines.append(
            f"weights move after {counted(len(batches), 'batch')}, not {config.accumulate}, for an "
            "epoch has no more"
        )
    return lines
