"""The training loop, from the first batch to the best epoch."""

import math
import time
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crosswake.batches.augment import augment, draw_augmentation, step_generator
from crosswake.batches.sampler import epoch_batches
from crosswake.batches.store import ChipStore
from crosswake.chips import Modality
from crosswake.config import TrainConfig
from crosswake.errors import CrosswakeError
from crosswake.evaluation.protocols import score
from crosswake.models.embedder import Embedder
from crosswake.models.vit import drop_path_factors
from crosswake.progress import Progress
from crosswake.training.interrupt import StopRequest, TrainingInterruptedError
from crosswake.training.learner import Batch
from crosswake.training.prepare import prepare_run
from crosswake.training.records import EventWriter, write_rows
from crosswake.training.run import BEST, LAST, Run
from crosswake.training.saving import resume, save_best, save_last, write_settings
from crosswake.training.schedule import learning_rate, set_learning_rate

CHECK_EVERY_STEPS = 20


def train(config: TrainConfig) -> Run:
    """Train to the end, or to Ctrl-C; the run's folder holds everything.

    Raises:
        CrosswakeError: the settings or the data do not do, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    run = prepare_run(config)
    if config.resume:
        resume(run)
    elif run.first_process:
        config.output.mkdir(parents=True, exist_ok=True)
        write_settings(config)
        save_last(run)
    events = EventWriter(config.output / "tensorboard", run.progress.epoch + 1)
    with StopRequest() as stop, make_progress(run) as progress:
        while run.progress.epoch < config.epochs and not out_of_patience(run):
            row = train_epoch(run, stop, progress)
            finish_epoch(run, row)
            if run.first_process:
                events.add(row)
    events.close()
    run.say(f"kept epoch {run.progress.best_epoch} in {config.output / BEST}")
    return run


def make_progress(run: Run) -> Progress:
    """Progress over the whole run, counted in chips; every epoch counts as many."""
    config = run.config
    done = len(run.store) * run.progress.epoch
    quiet = config.quiet or not run.first_process
    return Progress(len(run.store) * config.epochs, "train", quiet=quiet, already=done)


def train_epoch(run: Run, stop: StopRequest, progress: Progress) -> dict[str, float | int]:
    """One pass over the identities; returns the epoch's numbers."""
    config, standing = run.config, run.progress
    epoch = standing.epoch + 1
    rate = learning_rate(epoch, config.epochs, config.optimiser)
    set_learning_rate(run.optimiser, rate)
    run.learner.train()
    batches = epoch_batches(run.store.chips, config.batch, config.seed, epoch)
    batches = batches[: max(1, len(batches) // config.batch.accumulate) * config.batch.accumulate]
    totals = {name: torch.tensor(value) for name, value in (standing.totals or {}).items()}
    started = time.monotonic() - standing.seconds
    for done in range(standing.step + 1, len(batches) + 1):
        losses = train_step(run, batches, done - 1)
        totals = {name: totals.get(name, torch.tensor(0.0)) + value for name, value in losses.items()}
        if done % CHECK_EVERY_STEPS == 0 or done == len(batches):
            check_finite(run, totals["loss"], epoch)
        chips = round(len(run.store) * (standing.epoch + done / len(batches)))
        progress.advance(chips - progress.done, f"epoch {epoch}/{config.epochs}, loss {losses['loss'].item():.3f}")
        if done < len(batches) and done % config.batch.accumulate == 0 and agreed(run, stop):
            interrupt(run, done, totals, time.monotonic() - started)
    seconds = time.monotonic() - started
    means = {name: value.item() / len(batches) for name, value in totals.items()}
    speed = len(batches) * len(batches[0]) / seconds
    return {"epoch": epoch, "learning_rate": rate, **means, "chips_per_second": speed, "seconds": seconds}


def train_step(run: Run, batches: list[Any], step: int) -> dict[str, Tensor]:
    """Losses of one batch, its gradients, and every ``accumulate`` batches a step of the optimiser."""
    config = run.config
    accumulate = min(config.batch.accumulate, len(batches))
    last_of_step = (step + 1) % accumulate == 0
    batch = make_batch(run, torch.from_numpy(batches[step]), step)
    with nullcontext() if last_of_step else run.fabric.no_backward_sync(run.learner):
        losses: dict[str, Tensor] = run.learner(batch)
        run.fabric.backward(losses["loss"] / accumulate)
    if last_of_step:
        if config.optimiser.clip_norm is not None:
            run.fabric.clip_gradients(run.learner, run.optimiser, max_norm=config.optimiser.clip_norm)
        run.optimiser.step()
        run.optimiser.zero_grad()
    return {name: value.detach() for name, value in losses.items()}


def make_batch(run: Run, index: Tensor, step: int) -> Batch:
    """This process's share of a batch; what is random is drawn for all of it, then shared out."""
    config, fabric, store = run.config, run.fabric, run.store
    epoch, size = run.progress.epoch + 1, len(index)
    share = size // fabric.world_size
    if share * fabric.world_size != size:
        raise CrosswakeError(f"--devices: {fabric.world_size} do not divide a batch of {size} chips")
    part = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    generator = step_generator(config.seed, epoch, step)
    plan = draw_augmentation(size, config.model.image_size, config.augment, generator).rows(part)
    keep = drop_path_factors(config.model.depth, size, config.model.drop_path, generator)[:, :, part]
    mine = index[part]
    return Batch(
        images=augment(store.pictures[mine].to(fabric.device), plan.to(fabric.device), config.augment.pad),
        modality=store.modality[mine].to(fabric.device),
        size=store.size[mine].to(fabric.device),
        keep=keep.to(fabric.device),
        labels=run.labels[index].to(fabric.device),
        modality_of_all=store.modality[index].to(fabric.device),
    )


def finish_epoch(run: Run, row: dict[str, float | int]) -> None:
    """Count the epoch, validate if it is time, keep the best, save; ``row`` gains the validation's numbers."""
    config, standing = run.config, run.progress
    standing.epoch, standing.step, standing.totals, standing.seconds = standing.epoch + 1, 0, None, 0.0
    last = standing.epoch == config.epochs
    better = last and run.validation is None
    if run.validation is not None and (standing.epoch % config.validation.every == 0 or last):
        scores = validate(run, run.validation)
        row |= scores
        value = float(np.mean(list(scores.values())))
        better = value > standing.best_score
        standing.stale = 0 if better else standing.stale + 1
        standing.best_score = max(value, standing.best_score)
        run.say(
            f"epoch {standing.epoch}: loss {row['loss']:.3f}, validation mAP "
            f"o2s {scores['val_o2s_mAP']:.3f}, s2o {scores['val_s2o_mAP']:.3f}{' (best)' if better else ''}"
        )
    standing.rows.append(dict(row))
    if better:
        standing.best_epoch = standing.epoch
    if run.first_process:
        if better:
            save_best(run)
        save_last(run)
        write_rows(standing.rows, config.output / "metrics.csv")
    run.fabric.barrier()


def validate(run: Run, store: ChipStore) -> dict[str, float]:
    """Cross-modal mAP on held-out identities: every chip of one modality asks all of the other."""
    embedder = Embedder(run.model, device=run.fabric.device, precision=run.config.precision)
    features = embedder.embed_store(store)
    names = np.array([chip.identity for chip in store.chips])
    optical = store.modality.numpy() == Modality.OPTICAL
    run.learner.train()
    return {
        "val_o2s_mAP": score(features[optical], features[~optical], names[optical], names[~optical])["mAP"],
        "val_s2o_mAP": score(features[~optical], features[optical], names[~optical], names[optical])["mAP"],
    }


def out_of_patience(run: Run) -> bool:
    """Whether validation has not improved for as long as the settings allow."""
    patience = run.config.validation.patience
    return patience is not None and run.progress.stale >= patience


def check_finite(run: Run, loss: Tensor, epoch: int) -> None:
    """Stop with a reason if the loss is no longer a number."""
    if not math.isfinite(loss.item()):
        raise CrosswakeError(
            f"the loss is no longer a number in epoch {epoch}; lower --optimiser.lr ({run.config.optimiser.lr:g}) "
            f"or set --optimiser.clip_norm 1; {run.config.output / LAST} holds epoch {run.progress.epoch}"
        )


def agreed(run: Run, stop: StopRequest) -> bool:
    """Whether any process was asked to stop; all processes come to the same answer."""
    if run.fabric.world_size == 1:
        return stop.requested
    asked = run.fabric.all_reduce(torch.tensor(float(stop.requested), device=run.fabric.device), reduce_op="sum")
    assert isinstance(asked, Tensor)
    return bool(asked.item() > 0)


def interrupt(run: Run, step: int, totals: dict[str, Tensor], seconds: float) -> None:
    """Save between two steps, and raise."""
    standing = run.progress
    standing.step, standing.seconds = step, seconds
    standing.totals = {name: value.item() for name, value in totals.items()}
    if run.first_process:
        save_last(run)
    raise TrainingInterruptedError(
        f"stopped in epoch {standing.epoch + 1} after {step} batches, all saved; go on with: "
        f"crosswake train --resume --output {run.config.output}"
    )
