"""Learning buildings from tiles, on the loop that all tasks share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from crosswake.batches.samplers import pair_batches
from crosswake.batches.tile_batch import TileBatch, TileTargets
from crosswake.batches.tile_windows import TileCutter, WindowPlan, draw_windows_of_tiles
from crosswake.core.text import counted
from crosswake.models.buildings.base import BuildingModel
from crosswake.models.buildings.build import build_building_model
from crosswake.models.buildings.checkpoints import BuildingFinder
from crosswake.models.buildings.weights import load_backbone
from crosswake.models.checkpoints import count_parameters
from crosswake.models.weight_files import read_weights
from crosswake.settings.buildings_train import BuildingsTrainConfig
from crosswake.tasks.buildings.data import (
    TileSplit,
    decode_tiles_once,
    open_building_tiles,
    split_tiles,
    tiles_fingerprint,
)
from crosswake.tasks.buildings.learner import BuildingLearner
from crosswake.tasks.buildings.measure import HeldOut
from crosswake.tasks.start import init_path, smaller_steps
from crosswake.training.checkpoint import check_data, find_run
from crosswake.training.distributed import make_fabric, share_of
from crosswake.training.folder import own_folder
from crosswake.training.loop import check_task, fit
from crosswake.training.optimisers import Optimisation
from crosswake.training.processes import ending_together
from crosswake.training.task import Index, Losses, Run, Scores, Step


class BuildingsTask:
    """Windows of tiles in batches, and tiles of other cities to validate on.

    Args:
        config: the run's settings.
        fabric: device, precision and processes.
        split: what is learnt from and validated on.
        model: with its first values.
    """

    unit = "windows"

    def __init__(
        self, config: BuildingsTrainConfig, fabric: Fabric, split: TileSplit, model: BuildingModel
    ) -> None:
        self.config, self.model, self.split, self.store = config, model, split, split.store
        self.name, self.root = split.data.name, split.data.root
        self.processes = fabric.world_size
        self.fingerprint = tiles_fingerprint(split.learnt)
        self.decoded = split.store.digest
        self.size = len(split.store) * config.crops
        self.bad_files = (*split.data.bad_files, *split.store.bad_files)
        self.held: HeldOut | None = None
        if split.validation is not None:
            self.decoded += split.validation.digest
            self.bad_files += split.validation.bad_files
            self.held = HeldOut(split.validation, config.track)
        self.cutter = TileCutter(
            store=split.store,
            side=config.crop,
            augment=config.augment,
            modalities=config.modalities,
            masks=model.wants_masks,
            heights=config.track == 2,
        )
        model.count_classes(self.building_counts().tolist())
        learner = BuildingLearner(model, config.loss)
        if config.channels_last:
            learner.to(memory_format=torch.channels_last)
        self.optimisation = Optimisation(fabric, learner, config)

    def building_counts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Buildings of each category to learn from."""
        labels = np.concatenate([*self.store.labels, np.zeros(0, np.int64)])
        return np.bincount(labels, minlength=len(self.split.data.classes) + 1)[1:]

    def start_epoch(self, epoch: int) -> dict[str, float]:
        """Set the model to training and the optimiser to the epoch's learning rate."""
        self.optimisation.module.train()
        return {"learning_rate": self.optimisation.set_rate(epoch)}

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch: rows of the store, each as often as windows are cut."""
        return pair_batches(
            np.zeros(len(self.store), np.int64),
            crops=self.config.crops,
            size=self.config.batch.tiles,
            same_scene=1,
            seed=(self.config.seed, epoch),
            processes=self.processes,
        )

    def step(self, run: Run, index: Index, step: Step) -> Losses:
        """Learn from one batch."""
        with run.waiting():
            batch, targets = self.make_batch(run, index, step.number)
        with self.optimisation.learning(step):
            losses: Losses = self.optimisation.module(batch, targets)
            self.optimisation.backward(losses["loss"], step.share)
        return losses

    def make_batch(self, run: Run, index: Index, step: int) -> tuple[TileBatch, TileTargets]:
        """This process's share of a batch, on the device."""
        part = share_of(run.fabric, len(index))
        plan = self.plan(run.state.epoch + 1, step, len(index)).rows(part)
        batch, targets = self.cutter.cut(index[part].tolist(), plan)
        return batch.to(run.fabric.device), targets.to(run.fabric.device)

    def plan(self, epoch: int, step: int, size: int) -> WindowPlan:
        """What happens to the windows of a whole batch."""
        random = np.random.default_rng([self.config.seed, epoch, step])
        return draw_windows_of_tiles(size, self.config.augment, random)

    def validate(self, run: Run) -> Scores | None:
        """The official figures on the held-out tiles."""
        if self.held is None:
            return None
        config = self.config
        finder = BuildingFinder(
            model=self.model,
            track=config.track,
            modalities=config.modalities,
            device=run.fabric.device,
            precision=config.precision,
            path=config.output,
            epoch=run.state.epoch,
        )
        return self.held.scores(run, finder)

    def weights(self) -> dict[str, Any]:
        """The model."""
        state = self.model.state_dict()
        return {"model": {name: value.detach().cpu().clone() for name, value in state.items()}}

    def state(self) -> dict[str, Any]:
        """The same and the optimiser."""
        return self.weights() | {"optimiser": self.optimisation.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a :meth:`state`."""
        self.model.load_state_dict(state["model"])
        self.optimisation.load_state(state["optimiser"])


def train_buildings(config: BuildingsTrainConfig) -> tuple[Run, BuildingsTask]:
    """Train on tiles; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    with ending_together(), own_folder(config):
        run, task = prepare_buildings(config)
        fit(run, task)
        if config.cache is None and run.first_process:
            for path in config.output.glob("tiles-*"):
                path.unlink()
    return run, task


def prepare_buildings(config: BuildingsTrainConfig) -> tuple[Run, BuildingsTask]:
    """Make the model, read the tiles, and refuse what cannot work."""
    before = find_run(config)
    data = open_building_tiles(config)
    learnt, held = split_tiles(data, config)
    if before is not None:
        check_data(before, config, tiles_fingerprint(learnt))
    fabric = make_fabric(config)
    run = Run(config=config, fabric=fabric, before=before)
    fabric.seed_everything(config.seed, verbose=False)
    model = build_building_model(config.model, track=config.track, modalities=config.modalities)
    loaded: list[str] = []
    if config.init is not None and not config.resume:
        loaded = load_backbone(model, read_weights(init_path(config.init)))
    split = TileSplit(
        data=data,
        learnt=learnt,
        held=held,
        store=decode_tiles_once(learnt, config, fabric),
        validation=decode_tiles_once(held, config, fabric) if held else None,
    )
    fabric.seed_everything(config.seed, verbose=False)
    task = BuildingsTask(config, fabric, split, model)
    check_task(run, task)
    introduce_buildings(run, task, loaded)
    return run, task


def introduce_buildings(run: Run, task: BuildingsTask, loaded: list[str]) -> None:
    """Say what is about to be learnt from what; list what is left out, quiet or not."""
    config = task.config
    for line in (*introduction(task), *loaded):
        run.say(line)
    run.say(
        f"{config.model.method} ({config.model.backbone}, {config.modalities}), "
        f"{count_parameters(task.model) / 1e6:.1f} M weights, on {run.fabric.device} "
        f"x {run.fabric.world_size}, {config.precision}; results in {config.output}"
    )
    for line in smaller_steps(config, task.batches(1), task.unit):
        run.say(line)
    for file in task.bad_files:
        run.warn(f"left out {file.path}: {file.reason}")
    if task.bad_files:
        run.warn(f"{counted(len(task.bad_files), 'file')} left out; --strict stops at the first")


def introduction(task: BuildingsTask) -> list[str]:
    """What is learnt from, and what the references lack."""
    config, store, data = task.config, task.store, task.split.data
    buildings = int(task.building_counts().sum())
    cities = counted(len({tile.city for tile in store.tiles}), "city")
    simulated = "SIMULATED tiles, " if data.simulated else ""
    lines = [
        f"buildings of {task.name}: {simulated}{counted(len(store), 'tile')} of {cities} with "
        f"{counted(buildings, 'building')}, {counted(config.crops, 'window')} of each an epoch"
    ]
    if task.held is None:
        lines.append("nothing is held out for validation: the last epoch is kept, not the best")
    else:
        held = task.held.store.tiles
        names = ", ".join(sorted({tile.city for tile in held} - {""})) or "unknown cities"
        lines.append(f"{counted(len(held), 'tile')} held out for validation: {names}")
    if store.lost:
        lines.append(f"{counted(store.lost, 'outline')} without a pixel are left out")
    bare, known, tiles = store.heightless
    if config.track == 2 and bare:
        lines.append(
            f"{bare:,} of {known:,} footprints have no height under them, in "
            f"{counted(tiles, 'tile')}; they teach outlines, not heights"
        )
    return lines
