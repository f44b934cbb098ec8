"""Learning to tell ships apart from chips of known identity: the job of ``crosswake train``."""

import numpy as np
import torch
from torch import Tensor

from crosswake.batches.augment import augment, draw_augmentation, step_generator
from crosswake.batches.prepare import Interpolation
from crosswake.batches.samplers import epoch_batches
from crosswake.batches.stores import ChipStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.reid import (
    Chips,
    ReidData,
    chips_fingerprint,
    cross_modal_identities,
    identities,
)
from crosswake.data.sources.open import open_reid
from crosswake.data.splits import split_validation
from crosswake.models.build import build_model
from crosswake.settings.train import TrainConfig
from crosswake.tasks.reid.learner import Batch, ReidLearner
from crosswake.tasks.validation import cross_modal_scores
from crosswake.training.distributed import ending_together
from crosswake.training.loop import fit
from crosswake.training.prepare import (
    check_folders,
    check_start,
    gather,
    introduce,
    make_fabric,
    set_up,
    share_of,
)
from crosswake.training.run import Index, Run


class ReidJob:
    """Chips in batches of P identities and K chips, and held-out identities to validate on.

    Args:
        config: the run's settings.
        data: what it was told to read.
        store: the training chips, decoded for training (bicubic).
        validation: chips held out, decoded for testing (bilinear); None if there are none.
        processes: how many share a batch.
    """

    unit = "chips"

    def __init__(
        self,
        config: TrainConfig,
        data: ReidData,
        store: ChipStore,
        validation: ChipStore | None,
        processes: int,
    ) -> None:
        self.config, self.data, self.store, self.validation = config, data, store, validation
        self.processes = processes
        self.name, self.root, self.fingerprint = data.name, data.root, chips_fingerprint(data.train)
        self.decoded = store.digest() + (validation.digest() if validation else "")
        self.identities = identities(store.chips)
        self.labels = torch.tensor([self.identities.index(chip.identity) for chip in store.chips])
        self.size, self.validates = len(store), validation is not None
        held = validation.bad_files if validation else ()
        self.bad_files = (*data.bad_files, *store.bad_files, *held)

    def introduce(self) -> str:
        """What is learnt from."""
        shared = len(cross_modal_identities(self.store.chips))
        held = (
            f", {len(identities(self.validation.chips))} held out for validation"
            if self.validation
            else ""
        )
        return (
            f"training on {self.name}: {counted(self.size, 'chip')} of "
            f"{counted(len(self.identities), 'identity')} "
            f"({shared} in both modalities){held}"
        )

    def batches(self, epoch: int) -> list[Index]:
        """The batches of an epoch."""
        return epoch_batches(
            self.store.chips, self.config.batch, self.config.seed, epoch, self.processes
        )

    def backward(self, run: Run, index: Index, step: int, share: float) -> dict[str, Tensor]:
        """Losses of one batch, and its gradients."""
        with run.waiting():
            batch = self.make_batch(run, torch.from_numpy(index), step)
        losses: dict[str, Tensor] = run.learner(batch)
        run.fabric.backward(losses["loss"] * share)
        return losses

    def make_batch(self, run: Run, index: Tensor, step: int) -> Batch:
        """This process's share of a batch; what is random is drawn for all of it, then shared
        out."""
        config, store, device = self.config, self.store, run.fabric.device
        size, part = len(index), share_of(run.fabric, len(index))
        generator = step_generator(config.seed, run.state.epoch + 1, step)
        plan = draw_augmentation(
            size, config.model.image_size, config.augment, generator, device
        ).rows(part)
        drop_path_mask = run.model.draw_drop_path(size, generator)
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

    def validate(self, run: Run) -> dict[str, float]:
        """Cross-modal mAP on the held-out identities."""
        assert self.validation is not None
        names = np.array([chip.identity for chip in self.validation.chips])
        return cross_modal_scores(run, self.validation, names)


def train(config: TrainConfig) -> Run:
    """Train a re-identification model; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    with ending_together():
        return fit(prepare_reid(config))


def prepare_reid(config: TrainConfig) -> Run:
    """Read data, make or restore the model, and refuse what cannot work, before anything is
    written."""
    check_folders(config)
    data = open_training_data(config)
    check_start(config, chips_fingerprint(data.train))
    fabric = make_fabric(config)
    train_chips, held_out = split_validation(
        data.require_train(), config.validation.fraction, config.seed
    )
    quiet = config.quiet or not fabric.is_global_zero
    store = decode_split(train_chips, config, "bicubic", quiet)
    validation = decode_split(held_out, config, "bilinear", quiet) if held_out else None
    job = ReidJob(config, data, store, validation, fabric.world_size)
    if len(job.identities) < 2:
        raise CrosswakeError(
            f"{data.root}: chips of fewer than two training identities can be read; see data check"
        )
    fabric.seed_everything(config.seed, verbose=False)
    model = build_model(config.model, len(job.identities))
    learner = ReidLearner(model, config.loss, lambda features: gather(fabric, features))
    run, weights = set_up(config, fabric, job, model, learner)
    introduce(run, weights)
    if config.validation.fraction and validation is None:
        run.say(
            "too few identities in both modalities to hold any out: the last epoch is kept, not "
            "the best"
        )
    return run


def open_training_data(config: TrainConfig) -> ReidData:
    """The data, with what cannot be used of it pointed out."""
    if config.data is None:
        raise CrosswakeError("--data: say what to train on: a HOSS-layout folder or a CSV table")
    data = open_reid(config.data)
    if config.strict and data.bad_files:
        raise CrosswakeError(f"{data.bad_files[0].path}: {data.bad_files[0].reason} (--strict)")
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
