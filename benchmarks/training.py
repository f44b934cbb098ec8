"""``bench train``: our training step beside the usual loop, on files of noise or on a data set."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.flops import step_flops
from benchmarks.machine import describe_machine, measure_limits
from benchmarks.made_chips import write_chips
from benchmarks.plain_training import ChipFiles, PlainLoader, PlainTraining
from benchmarks.record import OURS, Bench
from benchmarks.timing import Ratio
from benchmarks.turns import Ways, parts_of, rates_over, timed_beside_products
from crosswake.batches.prepare import normalise
from crosswake.core.errors import CrosswakeError
from crosswake.settings.train import TrainConfig
from crosswake.tasks.reid.learner import Batch
from crosswake.tasks.reid.task import ReidTask, prepare_reid
from crosswake.training.loop import steps_of
from crosswake.training.task import Index, Run

PLAIN = "plain loop"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What is trained, and how often.

    Attributes:
        config: of the run; ``data`` None for chips of noise.
        chips: how many of those are made.
        steps: of a repeat.
        repeats: of either way, in turn.
        workers: of the usual loop's loader.
        alone: measure ours only.
    """

    config: TrainConfig
    chips: int
    steps: int
    repeats: int
    workers: int
    alone: bool = False


class Trial:
    """Both ways, at their start.

    Args:
        settings: what to measure.
        folder: for the made chips.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        config = settings.config
        data = config.data or write_chips(folder / "chips", settings.chips, seed=config.seed)
        self.run, self.task = prepare_reid(replace(config, data=data, output=folder / "run"))
        self.steps = settings.steps
        batches = self.task.batches(1)
        self.batches = [batches[step % len(batches)] for step in range(settings.steps)]
        if len(self.batches[0]) < config.batch_size:
            raise CrosswakeError(
                f"--batch: {config.batch_size} chips need more identities than there are; take "
                "fewer, or more --chips"
            )
        self.plain = None if settings.alone else self.plain_training(settings)
        self.gpu_peaks: dict[str, float] = {}

    def plain_training(self, settings: TrainSettings) -> PlainTraining:
        """The usual loop, from the same weights."""
        config, store = settings.config, self.task.store
        files = ChipFiles(
            store.chips, self.task.labels.tolist(), config.model.image_size, config.augment
        )
        state = self.task.model.state_dict()
        workers, device = settings.workers, self.run.fabric.device
        return PlainTraining(config, state, files, len(self.task.identities), workers, device)

    def ways(self, size: int, steps: int) -> Ways:
        """Some steps over batches of ``size`` chips."""
        batches = [batch[:size] for batch in self.batches[:steps]]
        plain, ways = (
            self.plain,
            {OURS: self.watched(OURS, lambda: train_ours(self.run, self.task, batches))},
        )
        if plain is not None:
            ways[PLAIN] = self.watched(
                PLAIN, lambda: plain.train([batch.tolist() for batch in batches])
            )
        return ways

    def watched(self, name: str, way: Callable[[], list[float]]) -> Callable[[], list[float]]:
        """The way, with the most memory of the GPU that it held noted."""
        device = self.run.fabric.device
        if device.type != "cuda":
            return way

        def watched() -> list[float]:
            torch.cuda.reset_peak_memory_stats(device)
            losses = way()
            self.gpu_peaks[f"peak bytes on the GPU, {name}"] = float(
                torch.cuda.max_memory_allocated(device)
            )
            return losses

        return watched

    def agreement(self) -> dict[str, float]:
        """How far the losses of one batch are apart where nothing is random, each way by its own
        input and model."""
        if self.plain is None:
            return {}
        index, task, device = torch.from_numpy(self.batches[0]), self.task, self.run.fabric.device
        labels, modality = task.labels[index].to(device), task.store.modality[index].to(device)
        batch = Batch(
            images=normalise(task.store.take(index).to(device)),
            modality=modality,
            size=task.store.size[index].to(device),
            drop_path_mask=torch.ones(self.task.config.model.depth, 2, len(index), device=device),
            labels=labels,
            modality_of_all=modality,
        )
        task.optimisation.module.train()
        ours = task.optimisation.module(batch)["loss"].item()
        files = ChipFiles(
            task.store.chips, task.labels.tolist(), self.task.config.model.image_size, None
        )
        (loaded,) = PlainLoader(files, 0).passes([index.tolist()])
        self.plain.learner.train()
        images, modalities, sizes, names = loaded
        return {
            "first loss": abs(
                ours - self.plain.loss(images, modalities, sizes, names, drop=0.0).item()
            )
        }


def train_ours(run: Run, task: ReidTask, batches: list[Index]) -> list[float]:
    """Steps of the training loop; their losses, read at the end."""
    task.start_epoch(1)
    for group in task.optimisation.optimiser.param_groups:
        group["lr"] = run.config.optimiser.lr * group["lr_factor"]
    steps = steps_of(batches, run.config.accumulate)
    return torch.stack([task.step(run, *step)["loss"].detach() for step in steps]).tolist()


def bench_train(settings: TrainSettings, *, quiet: bool = True) -> Bench:
    """Time training steps: ours, and a loop with a loader of worker processes, from the same
    weights."""
    with TemporaryDirectory() as folder:
        trial = Trial(settings, Path(folder))
        return measured(trial, settings, quiet)


def measured(trial: Trial, settings: TrainSettings, quiet: bool) -> Bench:
    """Warm up, time, and draw the curves."""
    config, run, steps = settings.config, trial.run, settings.steps
    agreement = trial.agreement()
    sizes = [] if settings.alone else parts_of(config.batch_size, 2 * config.batch.chips)
    for size in sizes or [config.batch_size]:
        for way in trial.ways(size, 1).values():
            way()
    device = str(run.fabric.device)
    limits = measure_limits(device)
    flops = float(step_flops(config.model, steps * config.batch_size, len(trial.task.identities)))
    clear_clocks(trial)
    ways = trial.ways(config.batch_size, steps)
    timings, share = timed_beside_products(
        ways, flops=flops, repeats=settings.repeats, device=device, quiet=quiet
    )
    further: dict[str, Ratio | float] = {"share of float32 products in the same turn": share}
    further[f"share waiting for input, {OURS}"] = run.waited / sum(timings[OURS].seconds)
    if trial.plain is not None:
        further[f"share waiting for input, {PLAIN}"] = trial.plain.waited / sum(
            timings[PLAIN].seconds
        )
    curves = rates_over(sizes, lambda size: trial.ways(size, 1), lambda size: size)
    return Bench(
        name="train",
        measured_on=words_of(trial, settings),
        settings=record_of(settings),
        machine=describe_machine(device),
        limits=limits,
        timings=timings,
        flops=flops,
        bytes=0.0,
        agreement=agreement,
        scaling_over="chips in a batch",
        scaling=curves,
        scaling_of="chips a second",
        chips=steps * config.batch_size,
        further=further | trial.gpu_peaks,
    )


def clear_clocks(trial: Trial) -> None:
    """Forget the waiting of the warm-up."""
    trial.run.waited = 0.0
    if trial.plain is not None:
        trial.plain.waited = 0.0


def words_of(trial: Trial, settings: TrainSettings) -> str:
    """What was measured on, for people."""
    config, model = settings.config, settings.config.model
    what = "chips of noise" if config.data is None else f"chips of {trial.task.name}"
    height, width = model.image_size
    options = [
        name
        for name in ("compile", "fused", "recompute_blocks", "channels_last")
        if getattr(config, name)
    ]
    return (
        f"{len(trial.task.store):,} {what}, {settings.steps} steps of {config.batch_size}; "
        f"{height} x {width}, width {model.width}, depth {model.depth}; "
        f"ours {', '.join([config.precision, *options])}"
    )


def record_of(settings: TrainSettings) -> dict[str, Any]:
    """The settings that matter, for the JSON file."""
    config = settings.config
    names = ("precision", "compile", "fused", "recompute_blocks", "channels_last", "seed")
    return {
        **{name: getattr(config, name) for name in names},
        **{
            name: getattr(settings, name)
            for name in ("chips", "steps", "repeats", "workers", "alone")
        },
        "data": None if config.data is None else str(config.data),
        "batch": config.batch_size,
        "model": vars(config.model),
    }
