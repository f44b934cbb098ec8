"""Learning from optical-SAR pairs what both sensors show: ``crosswake pretrain``."""

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from lightning_fabric import Fabric

from crosswake.batches.augment import Augmentation, augment, draw_augmentation, step_generator
from crosswake.batches.samplers import draw_windows, pair_batches, same_place
from crosswake.batches.stores import ChipStore, PairStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.check.facts import chip_findings
from crosswake.data.check.pairs import scenes_in_two_splits
from crosswake.data.pairs import PairData, Pairs, pairs_fingerprint
from crosswake.data.reid import cross_modal_identities
from crosswake.models.build import build_model
from crosswake.settings.pretrain import PretrainConfig
from crosswake.tasks.pretrain.data import (
    LEAST_PLACES,
    decode_held,
    decode_once,
    open_pretraining_data,
    split_pairs,
)
from crosswake.tasks.pretrain.gradient_cache import cached_backward
from crosswake.tasks.pretrain.learner import PairBatch, PairLearner
from crosswake.tasks.start import ModelTask, find_start, introduce
from crosswake.tasks.validation import cross_modal_scores
from crosswake.training.checkpoint import check_data
from crosswake.training.distributed import gather_processes, make_fabric, share_of
from crosswake.training.folder import own_folder
from crosswake.training.loop import check_task, fit
from crosswake.training.processes import ending_together
from crosswake.training.task import Index, Losses, Run, Scores, Step

BATCHES_LOOKED_AT = 20
"""Batches of an epoch that are searched for pairs of different places."""


@dataclass(frozen=True, kw_only=True)
class PairSplit:
    """What there is to learn from, and to validate on.

    Attributes:
        data: all that was read.
        pairs: those of it to learn from.
        store: the same, as far as they can be decoded.
        held: pairs of held-out scenes, as they are measured.
        validation: their chips; None if there are none.
    """

    data: PairData
    pairs: Pairs
    store: PairStore
    held: Pairs
    validation: ChipStore | None


class PairTask(ModelTask[PretrainConfig]):
    """Pairs in batches, each other's negatives, and pairs of held-out scenes to validate on.

    Args:
        config: the run's settings.
        fabric: device, precision and processes.
        split: what is learnt from and validated on.
    """

    unit = "pairs"

    def __init__(self, config: PretrainConfig, fabric: Fabric, split: PairSplit) -> None:
        self.config, self.data, self.store, self.held = config, split.data, split.store, split.held
        self.validation, self.processes = split.validation, fabric.world_size
        self.name, self.root = split.data.name, split.data.root
        self.fingerprint = pairs_fingerprint(split.pairs)
        self.decoded = split.store.digest
        self.findings = tuple(scenes_in_two_splits(split.data))
        if self.validation is not None:
            held = zip(self.validation.chips, self.validation.seen, strict=True)
            found = (chip_findings(chip, facts) for chip, facts in held)
            self.findings += tuple(chain.from_iterable(found))
        self.size = len(split.store) * max(config.crops, 1)
        self.bad_files, self.validates = (*split.data.bad_files, *split.store.bad_files), False
        if self.validation is not None:
            self.decoded += self.validation.digest()
            self.bad_files += self.validation.bad_files
            self.validates = len(cross_modal_identities(self.validation.chips)) >= LEAST_PLACES
        model = build_model(config.model)
        learner = PairLearner(
            model,
            config.loss.temperature,
            lambda features: gather_processes(fabric, features[None]),
        )
        super().__init__(config, fabric, model, learner)

    def introduce(self) -> str:
        """What is learnt from."""
        scenes = counted(len(np.unique(self.store.scene)), "scene")
        learnt = f"{counted(len(self.store), 'pair')} of {scenes}"
        cut = (
            f", {counted(self.config.crops, 'window')} of each an epoch"
            if self.config.crops
            else ""
        )
        held = (
            f"; {counted(len(self.held), 'pair')} of other scenes held out for validation"
            if self.validates
            else ""
        )
        return f"pretraining on {self.name}: {learnt}{cut}{held}"

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch."""
        batch = self.config.batch
        return pair_batches(
            self.store.scene,
            crops=self.config.crops,
            size=batch.pairs,
            same_scene=batch.same_scene,
            seed=(self.config.seed, epoch),
            processes=self.processes,
        )

    def has_negatives(self) -> bool:
        """Whether a batch has pairs of different places; else the loss is 0 whatever is learnt."""
        shape, random = self.config.model.image_size, np.random.default_rng(self.config.seed)
        for index in self.batches(1)[:BATCHES_LOOKED_AT]:
            windows = draw_windows(self.store, index, shape, self.config.augment.offset, random)
            if not same_place(self.store.place[index], windows).all():
                return True
        return False

    def step(self, run: Run, index: Index, step: Step) -> Losses:
        """Learn from one batch, in chunks if the settings say so."""
        optimisation, chunk = self.optimisation, self.config.batch.chunk
        with run.waiting():
            batch = self.make_batch(run, index, step.number)
        with optimisation.learning(step):
            if 0 < chunk < len(batch.optical):
                return cached_backward(optimisation, batch, chunk, step.share)
            losses: Losses = optimisation.module(batch)
            optimisation.backward(losses["loss"], step.share)
        return losses

    def make_batch(self, run: Run, index: Index, step: int) -> PairBatch:
        """This process's share of a batch. What is random is drawn for all of it first, so that it
        does not depend on how many processes there are."""
        config, device = self.config, run.fabric.device
        shape, size = config.model.image_size, len(index)
        part, epoch = share_of(run.fabric, size), run.state.epoch + 1
        windows = draw_windows(
            self.store,
            index,
            shape,
            config.augment.offset,
            np.random.default_rng([config.seed, epoch, step]),
        )
        generator = step_generator(config.seed, epoch, step)
        plans = draw_pair_augmentation(size, config, generator, device)
        drop_path_mask = self.model.draw_drop_path(2 * size, generator)
        if drop_path_mask is not None:
            drop_path_mask = drop_path_mask.unflatten(2, (2, size))[..., part].to(device)
        pictures = self.store.windows(
            index[part].tolist(), windows.optical[part], windows.sar[part]
        )
        optical, sar = (
            augment(images.to(device), plan.rows(part).to(device), config.augment.pad)
            for images, plan in zip(pictures, plans, strict=True)
        )
        return PairBatch(
            optical=optical,
            sar=sar,
            drop_path_mask=drop_path_mask,
            same=torch.from_numpy(same_place(self.store.place[index], windows)).to(device),
        )

    def validate(self, run: Run) -> Scores | None:
        """Mean average precision among the held-out pairs; with one true match each, the mean of 1
        / rank."""
        if self.validation is None or not self.validates:
            return None
        return cross_modal_scores(run, self.model, self.validation)


def draw_pair_augmentation(
    size: int, config: PretrainConfig, generator: torch.Generator, device: torch.device
) -> tuple[Augmentation, Augmentation]:
    """What happens to the optical and to the SAR images; geometry alike if the settings say so."""
    shape = config.model.image_size
    optical, sar = (
        draw_augmentation(size, shape, config.augment, generator, device) for _ in range(2)
    )
    if config.augment.shared:
        sar = replace(
            sar,
            flip=optical.flip,
            flip_vertical=optical.flip_vertical,
            shift=optical.shift,
            zoom=optical.zoom,
        )
    return optical, sar


def pretrain(config: PretrainConfig) -> tuple[Run, PairTask]:
    """Train on pairs; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    with ending_together(), own_folder(config):
        run, task = prepare_pretraining(config)
        fit(run, task)
        if config.cache is None and run.first_process:
            for path in config.output.glob("pairs-*"):
                path.unlink()
    return run, task


def prepare_pretraining(config: PretrainConfig) -> tuple[Run, PairTask]:
    """Read pairs, make the model, and refuse what cannot work."""
    before = find_start(config)
    data = open_pretraining_data(config)
    pairs, held = split_pairs(data, config)
    if before is not None:
        check_data(before, config, pairs_fingerprint(pairs))
    if len({pair.id for pair in pairs}) < 2 and not config.crops:
        raise CrosswakeError(
            f"{data.root}: pairs of a single place have no negatives; add pairs, or set --crops"
        )
    fabric = make_fabric(config)
    quiet = config.quiet or not fabric.is_global_zero
    run = Run(config=config, fabric=fabric, before=before)
    store = decode_once(pairs, config, fabric, quiet)
    validation = decode_held(held, config, quiet) if held else None
    split = PairSplit(data=data, pairs=pairs, store=store, held=held, validation=validation)
    fabric.seed_everything(config.seed, verbose=False)
    task = PairTask(config, fabric, split)
    check_task(run, task)
    if not task.has_negatives():
        raise CrosswakeError(
            f"{data.root}: all pairs of a batch show the same place, so there is nothing to tell "
            "apart; add pairs of other places, or cut smaller windows (--model.image_size)"
        )
    introduce(run, task)
    if config.validation.fraction and not task.validates:
        few = f"fewer than {LEAST_PLACES} places in scenes that could be held out"
        run.say(f"{few}, too few to validate on: the last epoch is kept, not the best")
    return run, task
