"""The training loop, from the first batch to the best epoch, whatever is learnt."""

import math
import shlex
import time

import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.core.progress import Progress
from crosswake.core.text import counted
from crosswake.training.checkpoint import begin, check_data, resume, save_best, save_last
from crosswake.training.distributed import StopRequest, TrainingInterruptedError
from crosswake.training.folder import BEST, LAST, stamp
from crosswake.training.health import diverged
from crosswake.training.log import EventWriter, Peak, write_rows
from crosswake.training.task import Index, Run, Step, Task

CHECK_EVERY_STEPS = 20
"""Batches between two looks at the loss: reading it makes a GPU wait."""


def check_task(run: Run, task: Task) -> None:
    """Raise, before anything is written, unless the run can learn the task.

    Raises:
        CrosswakeError: an epoch has no batch of two samples or more that all processes have a share
            in, or the run to resume has read other data.
    """
    batches = task.batches(1)
    if not batches or len(batches[0]) < 2:
        processes = run.fabric.world_size
        shared = f" that {processes} --devices can share" if processes > 1 else ""
        raise CrosswakeError(
            f"{task.root}: an epoch has no batch of two {task.unit} or more{shared}; add some"
        )
    if run.before is not None:
        check_data(run.before, run.config, task.fingerprint, task.decoded)


def fit(run: Run, task: Task) -> None:
    """Train to the end, or to Ctrl-C; the run's folder holds everything.

    Raises:
        CrosswakeError: the run cannot be resumed as it is set, or the loss is no longer a number.
        TrainingInterruptedError: stopped on request, with everything saved.
    """
    config, last = run.config, run.config.output / LAST
    if config.resume:
        resume(run, task)
    elif run.first_process:
        begin(run, task)
    begun = stamp(last)
    try:
        learn(run, task)
    except Exception:
        if run.first_process and not config.resume and stamp(last) == begun:
            last.unlink(missing_ok=True)  # it holds nothing that was learnt
        raise
    run.say(f"kept epoch {run.state.best_epoch} in {config.output / BEST}")


def learn(run: Run, task: Task) -> None:
    """All epochs that are left."""
    config, state = run.config, run.state
    events = EventWriter(config.output / "tensorboard", state.epoch + 1)
    quiet = config.quiet or not run.first_process
    total, already = task.size * config.epochs, samples_done(run, task)
    progress = Progress(total, config.command, task.unit, quiet, already)
    with StopRequest() as stop, progress:
        while state.epoch < config.epochs and not out_of_patience(run):
            row = train_epoch(run, task, stop, progress)
            finish_epoch(run, task, row)
            if run.first_process:
                events.add(row)
            if state.epoch < config.epochs and stop.agreed(run.fabric):
                interrupt(run, task)
    events.close()


def samples_done(run: Run, task: Task) -> int:
    """Samples that the run has learnt from before it was resumed, which do not count for the rate
    of what is shown."""
    state, part = run.state, 0.0
    if state.step:
        part = state.step / len(steps_of(task.batches(state.epoch + 1), run.config.accumulate))
    return round(task.size * (state.epoch + part))


def train_epoch(
    run: Run, task: Task, stop: StopRequest, progress: Progress
) -> dict[str, float | int]:
    """One pass over the data; returns the epoch's numbers."""
    config, state, epoch = run.config, run.state, run.state.epoch + 1
    rates = task.start_epoch(epoch)
    batches = steps_of(task.batches(epoch), config.accumulate)
    totals = {name: torch.tensor(value) for name, value in state.totals.items()}
    begun, run.waited, peak = time.monotonic(), 0.0, Peak(run.fabric.device)
    started = begun - state.seconds
    note = f"epoch {epoch}/{config.epochs}"
    for index, step in batches[state.step :]:
        losses = task.step(run, index, step)
        for name, value in losses.items():
            totals[name] = totals.get(name, torch.tensor(0.0)) + value.detach()
        done = step.number + 1
        if done % CHECK_EVERY_STEPS == 0 or done in (1, len(batches)):
            check_loss(run, totals["loss"])
            note = f"epoch {epoch}/{config.epochs}, loss {losses['loss'].item():.3f}"
        samples = round(task.size * (state.epoch + done / len(batches)))
        progress.advance(samples - progress.done, note)
        if done < len(batches) and step.moves and stop.agreed(run.fabric):
            state.step, state.seconds = done, time.monotonic() - started
            state.totals = {name: value.item() for name, value in totals.items()}
            interrupt(run, task)
    seconds = time.monotonic() - started
    return {
        "epoch": epoch,
        **rates,
        **{name: value.item() / len(batches) for name, value in totals.items()},
        f"{task.unit}_per_second": len(batches) * len(batches[0][0]) / seconds,
        "seconds": seconds,
        "input_share": run.waited / (time.monotonic() - begun),
        **peak.columns(),
    }


def steps_of(batches: list[Index], accumulate: int) -> list[tuple[Index, Step]]:
    """The batches of an epoch that are learnt from, and the part of each in moving the weights.

    Weights move after every ``accumulate`` batches, by the mean of their gradients. Batches at the
    end that are too few for that are left out, unless they are all that there is."""
    group = min(accumulate, len(batches))
    return [
        (index, Step(number=number, share=1 / group, moves=(number + 1) % group == 0))
        for number, index in enumerate(batches[: len(batches) // group * group])
    ]


def finish_epoch(run: Run, task: Task, row: dict[str, float | int]) -> None:
    """Count the epoch, validate if it is time, mark the best, save; ``row`` gains the validation's
    numbers."""
    config, state = run.config, run.state
    state.epoch, state.step, state.totals, state.seconds = state.epoch + 1, 0, {}, 0.0
    last = state.epoch == config.epochs
    better = False
    if last or state.epoch % config.validation.every == 0:
        better = validate(run, task, row)
    state.rows.append(dict(row))
    if better:
        state.best_epoch = state.epoch
    if run.first_process:
        if better:
            save_best(run, task)
        save_last(run, task)
        write_rows(state.rows, config.output / "metrics.csv")
    run.fabric.barrier()


def validate(run: Run, task: Task, row: dict[str, float | int]) -> bool:
    """Whether this epoch is the best so far; where nothing is held out, the last one is."""
    state = run.state
    scores = task.validate(run)
    if scores is None:
        return state.epoch == run.config.epochs
    row |= scores.values
    better = scores.beat(state.best_score)
    if better:
        state.best_score = scores.value
    state.stale = 0 if better else state.stale + 1
    reached = ", ".join(
        f"{name.replace('_', ' ')} {value:.3f}" for name, value in scores.values.items()
    )
    best = " (best)" if better else ""
    run.say(f"epoch {state.epoch}: loss {row['loss']:.3f}, {reached}{best}")
    return better


def out_of_patience(run: Run) -> bool:
    """Whether validation has not improved for as long as the settings allow."""
    patience = run.config.validation.patience
    return patience is not None and run.state.stale >= patience


def check_loss(run: Run, loss: Tensor) -> None:
    """Stop with a reason if the loss is no longer a number."""
    if not math.isfinite(loss.item()):
        raise diverged(run, "the loss is no longer a number", run.state.epoch + 1)


def interrupt(run: Run, task: Task) -> None:
    """Save between two steps, and raise."""
    state, config = run.state, run.config
    if run.first_process:
        save_last(run, task)
    run.fabric.barrier()  # nobody ends before all is saved
    raise TrainingInterruptedError(
        f"stopped in epoch {state.epoch + 1} after {counted(state.step, 'batch')}, all saved; go "
        f"on with: crosswake {config.command} --resume --output {shlex.quote(str(config.output))}"
    )
