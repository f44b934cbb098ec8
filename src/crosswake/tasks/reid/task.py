"""Learning to tell ships apart from chips of known identity: ``crosswake train``."""

from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from torch import Tensor

from crosswake.batches.augment import augment, draw_augmentation, step_generator
from crosswake.batches.prepare import Interpolation
from crosswake.batches.samplers import epoch_batches
from crosswake.batches.stores import ChipStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.core.said import say_once
from crosswake.core.text import counted
from crosswake.data.check.chips import judge_chips
from crosswake.data.judgements import JudgedPair, with_judgements
from crosswake.data.reading import read_as
from crosswake.data.reid import (
    Chips,
    ReidData,
    cross_modal_identities,
    identities,
    training_fingerprint,
)
from crosswake.data.sources.open import open_reid
from crosswake.data.splits import split_validation
from crosswake.models.build import build_model
from crosswake.settings.train import TrainConfig
from crosswake.tasks.reid.feeding import unfed_losses
from crosswake.tasks.reid.learner import Batch, ReidLearner
from crosswake.tasks.start import ModelTask, find_start, introduce
from crosswake.tasks.validation import cross_modal_scores
from crosswake.training.checkpoint import check_data
from crosswake.training.distributed import gather_processes, make_fabric, share_of
from crosswake.training.folder import own_folder
from crosswake.training.loop import check_task, fit
from crosswake.training.processes import ending_together
from crosswake.training.task import Index, Losses, Run, Scores, Step

GalleryWords = Sequence[JudgedPair] | None
"""Judgements of a gallery; None to read the table that the settings name, if they do."""


class ReidTask(ModelTask[TrainConfig]):
    """Chips in batches of P identities and K chips, and held-out identities to validate on.

    Args:
        config: the run's settings.
        fabric: device, precision and processes.
        data: what was read.
        store: the training chips, decoded for training (bicubic).
        validation: chips held out, decoded for testing (bilinear); None if there are none.
    """

    unit = "chips"

    def __init__(
        self,
        config: TrainConfig,
        fabric: Fabric,
        data: ReidData,
        store: ChipStore,
        validation: ChipStore | None,
    ) -> None:
        self.config, self.data, self.store, self.validation = config, data, store, validation
        self.processes, self.size = fabric.world_size, len(store)
        self.name, self.root, self.fingerprint = data.name, data.root, training_fingerprint(data)
        self.decoded = store.digest() + (validation.digest() if validation else "")
        self.identities = identities(store.chips)
        self.labels = torch.tensor([self.identities.index(chip.identity) for chip in store.chips])
        held = validation.bad_files if validation else ()
        self.bad_files = (*data.bad_files, *store.bad_files, *held)
        stores = (store, validation) if validation else (store,)
        self.facts = {
            chip: seen for one in stores for chip, seen in zip(one.chips, one.seen, strict=True)
        }
        self.findings = judge_chips(data, self.facts, config.strict)
        model = build_model(config.model, len(self.identities))
        learner = ReidLearner(
            model, config.loss, lambda features: gather_processes(fabric, features)
        )
        super().__init__(config, fabric, model, learner)

    def introduce(self) -> str:
        """What is learnt from."""
        shared = len(cross_modal_identities(self.store.chips))
        held = (
            f", {len(identities(self.validation.chips))} held out for validation"
            if self.validation
            else ""
        )
        unnamed = (
            f"; left out: {counted(len(self.data.unnamed), 'chip')} of unknown ships"
            if self.data.unnamed
            else ""
        )
        return (
            f"training on {self.name}: {counted(self.size, 'chip')} of "
            f"{counted(len(self.identities), 'identity')} "
            f"({shared} in both modalities){held}{unnamed}"
        )

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch."""
        return epoch_batches(
            self.store.chips,
            self.config.batch,
            self.config.seed,
            epoch,
            self.processes,
            self.data.told_apart,
        )

    def step(self, run: Run, index: Index, step: Step) -> Losses:
        """Learn from one batch."""
        with run.waiting():
            batch = self.make_batch(run, torch.from_numpy(index), step.number)
        with self.optimisation.learning(step):
            losses: Losses = self.optimisation.module(batch)
            self.optimisation.backward(losses["loss"], step.share)
        return losses

    def make_batch(self, run: Run, index: Tensor, step: int) -> Batch:
        """This process's share of a batch. What is random is drawn for all of it first, so that it
        does not depend on how many processes there are."""
        config, store, device = self.config, self.store, run.fabric.device
        size, part = len(index), share_of(run.fabric, len(index))
        generator = step_generator(config.seed, run.state.epoch + 1, step)
        plan = draw_augmentation(
            size, config.model.image_size, config.augment, generator, device
        ).rows(part)
        drop_path_mask = self.model.draw_drop_path(size, generator)
        if drop_path_mask is not None:
            drop_path_mask = drop_path_mask[:, :, part].to(device)
        mine = index[part]
        return Batch(
            images=augment(store.take(mine).to(device), plan.to(device), config.augment.pad),
            modality=store.modality[mine].to(device),
            size=store.size[mine].to(device),
            drop_path_mask=drop_path_mask,
            labels=self.labels[index].to(device),
            modality_of_all=store.modality[index].to(device),
        )

    def validate(self, run: Run) -> Scores | None:
        """Cross-modal mAP on the held-out identities."""
        if self.validation is None:
            return None
        return cross_modal_scores(run, self.model, self.validation)


def train(config: TrainConfig, judged: GalleryWords = None) -> tuple[Run, ReidTask]:
    """Train a re-identification model; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    with ending_together(), own_folder(config):
        run, task = prepare_reid(config, judged)
        fit(run, task)
    return run, task


def prepare_reid(config: TrainConfig, judged: GalleryWords = None) -> tuple[Run, ReidTask]:
    """Read data, make the model, and refuse what cannot work, before anything is written."""
    before = find_start(config)
    data = open_training_data(config, judged)
    if before is not None:
        check_data(before, config, training_fingerprint(data))
    train_chips, held_out = split_validation(
        data.require_train(), config.validation.fraction, config.seed
    )
    unfed = unfed_losses(config, train_chips, held_out)
    fabric = make_fabric(config)
    quiet = config.quiet or not fabric.is_global_zero
    store = decode_split(train_chips, config, "bicubic", quiet)
    validation = decode_split(held_out, config, "bilinear", quiet) if held_out else None
    if len(identities(store.chips)) < 2:
        raise CrosswakeError(
            f"{data.root}: chips of fewer than two training identities can be read; see data check"
        )
    fabric.seed_everything(config.seed, verbose=False)
    run = Run(config=config, fabric=fabric, before=before)
    task = ReidTask(config, fabric, data, store, validation)
    check_task(run, task)
    introduce(run, task)
    for line in unfed:
        run.warn(line)
    if config.validation.fraction and validation is None:
        count = len(cross_modal_identities(data.train))
        run.say(
            f"{counted(count, 'identity')} in both modalities, too few to hold any out for "
            "validation: the last epoch is kept, not the best"
        )
    return run, task


def open_training_data(config: TrainConfig, judged: GalleryWords) -> ReidData:
    """The data, with what cannot be used of it pointed out."""
    if config.data is None:
        raise CrosswakeError("--data: say what to train on: a HOSS-layout folder or a CSV table")
    data = read_as(open_reid(config.data), config.reading)
    if config.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
    if config.judgements is not None:
        data, line = with_judgements(data, config.judgements, judged)
        say_once(line)
    return data


def decode_split(
    chips: Chips, config: TrainConfig, interpolation: Interpolation, quiet: bool
) -> ChipStore:
    """Chips decoded as the settings say."""
    return decode(
        chips,
        config.model.image_size,
        sar=config.sar_radiometry,
        interpolation=interpolation,
        strict=config.strict,
        quiet=quiet,
    )
