"""Learning from optical-SAR pairs what both sensors show: the job of ``crosswake pretrain``."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from crosswake.batches.augment import Augmentation, augment, draw_augmentation, step_generator
from crosswake.batches.samplers import draw_windows, pair_batches, same_place
from crosswake.batches.stores import ChipStore, PairStore
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.pairs import PairData, Pairs, pairs_fingerprint
from crosswake.data.reid import cross_modal_identities
from crosswake.models.build import build_model
from crosswake.settings.pretrain import PretrainConfig
from crosswake.tasks.pretrain.data import (
    LEAST_PLACES,
    decode_held,
    decode_once,
    leaving_nothing_if_refused,
    open_pairs,
    split_pairs,
)
from crosswake.tasks.pretrain.gradient_cache import cached_backward
from crosswake.tasks.pretrain.learner import PairBatch, PairLearner
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


class PairJob:
    """Pairs in batches, each other's negatives, and pairs of held-out scenes to validate on.

    Args:
        config: the run's settings.
        data: what it was told to read.
        pairs: those of it to learn from.
        store: the same, as far as they can be decoded.
        held: the pairs of held-out scenes, as they are measured.
        validation: their chips; None if there are none.
        processes: how many share a batch.
    """

    unit = "pairs"

    def __init__(
        self,
        config: PretrainConfig,
        data: PairData,
        pairs: Pairs,
        store: PairStore,
        held: Pairs,
        validation: ChipStore | None,
        processes: int,
    ) -> None:
        self.config, self.data, self.store, self.held, self.validation = (
            config,
            data,
            store,
            held,
            validation,
        )
        self.processes = processes
        self.name, self.root, self.fingerprint = data.name, data.root, pairs_fingerprint(pairs)
        self.decoded = store.digest + (validation.digest() if validation else "")
        self.identities: list[str] = []
        self.size = len(store) * max(config.crops, 1)
        readable, unread = (validation.chips, validation.bad_files) if validation else ((), ())
        self.validates = len(cross_modal_identities(readable)) >= LEAST_PLACES
        self.bad_files = (*data.bad_files, *store.bad_files, *unread)

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

    def backward(self, run: Run, index: Index, step: int, share: float) -> dict[str, Tensor]:
        """The loss of one batch, and its gradients."""
        with run.waiting():
            batch = self.make_batch(run, index, step)
        learner: PairLearner = run.learner.module
        if 0 < self.config.batch.chunk < len(batch.optical):
            return cached_backward(run, learner, batch, self.config.batch.chunk, share)
        losses: dict[str, Tensor] = run.learner(batch)
        run.fabric.backward(losses["loss"] * share)
        return losses

    def make_batch(self, run: Run, index: Index, step: int) -> PairBatch:
        """This process's share of a batch; what is random is drawn for all of it, then shared
        out."""
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
        drop_path_mask = run.model.draw_drop_path(2 * size, generator)
        if drop_path_mask is not None:
            drop_path_mask = drop_path_mask.unflatten(2, (2, size))[..., part].to(device)
        pictures = self.store.windows(
            index[part].tolist(), windows.optical[part], windows.sar[part]
        )
        optical, sar = (
            augment(half.to(device), plan.rows(part).to(device), config.augment.pad)
            for half, plan in zip(pictures, plans, strict=True)
        )
        return PairBatch(
            optical=optical,
            sar=sar,
            drop_path_mask=drop_path_mask,
            same=torch.from_numpy(same_place(self.store.place[index], windows)).to(device),
        )

    def validate(self, run: Run) -> dict[str, float]:
        """Mean average precision among the held-out pairs; with one true match each, the mean of 1
        / rank."""
        assert self.validation is not None
        names = np.array([chip.identity for chip in self.validation.chips])
        return cross_modal_scores(run, self.validation, names)


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


def pretrain(config: PretrainConfig) -> Run:
    """Train on pairs; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    with ending_together():
        run = fit(prepare_pretraining(config))
    if config.cache is None and run.first_process:
        for path in config.output.glob("pairs-*"):
            path.unlink()
    return run


def prepare_pretraining(config: PretrainConfig) -> Run:
    """Read pairs, make or restore the model, and refuse what cannot work."""
    check_folders(config)
    data = open_pairs(config)
    train_pairs, held = split_pairs(data, config)
    check_start(config, pairs_fingerprint(train_pairs))
    if len({pair.id for pair in train_pairs}) < 2 and not config.crops:
        raise CrosswakeError(
            f"{data.root}: pairs of a single place have no negatives; add pairs, or set --crops"
        )
    fabric = make_fabric(config)
    quiet = config.quiet or not fabric.is_global_zero
    with leaving_nothing_if_refused(config.output):
        store = decode_once(train_pairs, config, fabric, quiet)
        validation = decode_held(held, config, quiet) if held else None
        job = PairJob(config, data, train_pairs, store, held, validation, fabric.world_size)
        fabric.seed_everything(config.seed, verbose=False)
        model = build_model(config.model)
        learner = PairLearner(
            model, config.loss.temperature, lambda features: gather(fabric, features[None])
        )
        run, weights = set_up(config, fabric, job, model, learner)
    introduce(run, weights)
    if config.validation.fraction and not job.validates:
        few = f"fewer than {LEAST_PLACES} places in scenes that could be held out"
        run.say(f"{few}, too few to validate on: the last epoch is kept, not the best")
    return run
