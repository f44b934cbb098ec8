"""The training loop, from the first batch to the best epoch, whatever is learnt."""

import math
import shlex
import time
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.training.interrupt import StopRequest, TrainingInterruptedError
from crosswake.training.log import EventWriter, write_rows
from crosswake.training.memory import Peak
from crosswake.training.optimisers import learning_rate, set_learning_rate
from crosswake.training.run import BEST, LAST, Index, Run
from crosswake.training.saving import begin, resume, save_best, save_last

CHECK_EVERY_STEPS = 20


def fit(run: Run) -> Run:
    """Train to the end, or to Ctrl-C; the run's folder holds everything.

    Raises:
        CrosswakeError: the run cannot be resumed as it is set, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    config = run.config
    if config.resume:
        resume(run)
    elif run.first_process:
        begin(run)
    events = EventWriter(config.output / "tensorboard", run.state.epoch + 1)
    with StopRequest() as stop, make_progress(run) as progress:
        while run.state.epoch < config.epochs and not out_of_patience(run):
            row = train_epoch(run, stop, progress)
            finish_epoch(run, row)
            if run.first_process:
                events.add(row)
            if run.state.epoch < config.epochs and agreed(run, stop):
                interrupt(run, 0, {}, 0.0)
    events.close()
    run.say(f"kept epoch {run.state.best_epoch} in {config.output / BEST}")
    return run


def make_progress(run: Run) -> Progress:
    """Progress over the whole run, counted in chips or pairs; every epoch counts as many."""
    config, job = run.config, run.job
    quiet = config.quiet or not run.first_process
    return Progress(
        job.size * config.epochs, config.command, job.unit, quiet, job.size * run.state.epoch
    )


def train_epoch(run: Run, stop: StopRequest, progress: Progress) -> dict[str, float | int]:
    """One pass over the data; returns the epoch's numbers."""
    config, state = run.config, run.state
    epoch = state.epoch + 1
    rate = learning_rate(epoch, config.epochs, config.optimiser)
    set_learning_rate(run.optimiser, rate)
    run.learner.train()
    batches = run.job.batches(epoch)
    batches = batches[: max(1, len(batches) // config.accumulate) * config.accumulate]
    totals = {name: torch.tensor(value) for name, value in (state.totals or {}).items()}
    begun, run.waited, peak = time.monotonic(), 0.0, Peak(run.fabric.device)
    started = begun - state.seconds
    note = f"epoch {epoch}/{config.epochs}"
    if config.compile and not run.warm:
        progress.advance(0, f"{note}, first step: compiling")
    for done in range(state.step + 1, len(batches) + 1):
        losses = train_step(run, batches, done - 1)
        run.warm = True
        totals = {
            name: totals.get(name, torch.tensor(0.0)) + value for name, value in losses.items()
        }
        if done % CHECK_EVERY_STEPS == 0 or done in (
            1,
            len(batches),
        ):  # reading a loss makes a GPU wait
            check_finite(run, totals["loss"], epoch)
            note = f"epoch {epoch}/{config.epochs}, loss {losses['loss'].item():.3f}"
        samples = round(run.job.size * (state.epoch + done / len(batches)))
        progress.advance(samples - progress.done, note)
        if done < len(batches) and done % config.accumulate == 0 and agreed(run, stop):
            interrupt(run, done, totals, time.monotonic() - started)
    seconds = time.monotonic() - started
    means = {name: value.item() / len(batches) for name, value in totals.items()}
    speed = len(batches) * len(batches[0]) / seconds
    return {
        "epoch": epoch,
        "learning_rate": rate,
        **means,
        f"{run.job.unit}_per_second": speed,
        "seconds": seconds,
        "input_share": run.waited / (time.monotonic() - begun),
        **peak.columns(),
    }


def train_step(run: Run, batches: list[Index], step: int) -> dict[str, Tensor]:
    """Losses of one batch, its gradients, and every ``accumulate`` batches a step of the
    optimiser."""
    config = run.config
    accumulate = min(config.accumulate, len(batches))
    last_of_step = (step + 1) % accumulate == 0
    with nullcontext() if last_of_step else run.fabric.no_backward_sync(run.learner):
        losses = run.job.backward(run, batches[step], step, 1 / accumulate)
    if last_of_step:
        if config.optimiser.clip_norm is not None:
            run.fabric.clip_gradients(
                run.learner, run.optimiser, max_norm=config.optimiser.clip_norm
            )
        run.optimiser.step()
        run.optimiser.zero_grad()
    return {name: value.detach() for name, value in losses.items()}


def finish_epoch(run: Run, row: dict[str, float | int]) -> None:
    """Count the epoch, validate if it is time, keep the best, save; ``row`` gains the validation's
    numbers."""
    config, state = run.config, run.state
    state.epoch, state.step, state.totals, state.seconds = (
        state.epoch + 1,
        0,
        None,
        0.0,
    )
    last = state.epoch == config.epochs
    better = last and not run.job.validates
    if run.job.validates and (state.epoch % config.validation.every == 0 or last):
        scores = run.job.validate(run)
        run.learner.train()
        row |= scores
        value = float(np.mean(list(scores.values())))
        better = value > state.best_score
        state.stale = 0 if better else state.stale + 1
        state.best_score = max(value, state.best_score)
        reached = ", ".join(
            f"{name.replace('_', ' ')} {score:.3f}" for name, score in scores.items()
        )
        run.say(
            f"epoch {state.epoch}: loss {row['loss']:.3f}, {reached}{' (best)' if better else ''}"
        )
    state.rows.append(dict(row))
    if better:
        state.best_epoch = state.epoch
    if run.first_process:
        if better:
            save_best(run)
        save_last(run)
        write_rows(state.rows, config.output / "metrics.csv")
    run.fabric.barrier()


def out_of_patience(run: Run) -> bool:
    """Whether validation has not improved for as long as the settings allow."""
    patience = run.config.validation.patience
    return patience is not None and run.state.stale >= patience


def check_finite(run: Run, loss: Tensor, epoch: int) -> None:
    """Stop with a reason if the loss is no longer a number."""
    if not math.isfinite(loss.item()):
        raise CrosswakeError(
            f"the loss is no longer a number in epoch {epoch}; lower --optimiser.lr "
            f"({run.config.optimiser.lr:g}) "
            f"or set --optimiser.clip_norm 1; {run.config.output / LAST} holds epoch "
            f"{run.state.epoch}"
        )


def agreed(run: Run, stop: StopRequest) -> bool:
    """Whether any process was asked to stop; all processes come to the same answer."""
    if run.fabric.world_size == 1:
        return stop.requested
    asked = run.fabric.all_reduce(
        torch.tensor(float(stop.requested), device=run.fabric.device), reduce_op="sum"
    )
    assert isinstance(asked, Tensor)
    return bool(asked.item() > 0)


def interrupt(run: Run, step: int, totals: dict[str, Tensor], seconds: float) -> None:
    """Save between two steps, and raise."""
    state = run.state
    state.step, state.seconds = step, seconds
    state.totals = {name: value.item() for name, value in totals.items()}
    if run.first_process:
        save_last(run)
    run.fabric.barrier()  # nobody ends before all is saved
    raise TrainingInterruptedError(
        f"stopped in epoch {state.epoch + 1} after {counted(step, 'batch')}, all saved; go on "
        "with: "
        f"crosswake {run.config.command} --resume --output {shlex.quote(str(run.config.output))}"
    )
