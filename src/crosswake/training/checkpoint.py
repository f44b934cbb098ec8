"""A run's checkpoints: what they hold, and the way back from them."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crosswake.core.errors import CrosswakeError
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, read_tensors, write_tensors
from crosswake.settings.common import plain
from crosswake.settings.run import RunConfig, other_command
from crosswake.training.folder import BEST, LAST, write_settings
from crosswake.training.health import require_finite_state
from crosswake.training.task import Run, Task, TrainState

MAY_CHANGE_ON_RESUME = {
    *("resume", "output", "data", "init", "cache", "strict", "quiet", "evaluate"),
    *("device", "devices", "compile", "fused", "recompute_blocks", "channels_last"),
}
KEYS = ("command", "config", "data", "epoch", "precision", "random", "state")
"""What every ``last.pt`` holds beside what its task puts there."""


def begin(run: Run, task: Task) -> None:
    """Write the run's settings, and where it starts from."""
    write_settings(run.config)
    save_last(run, task)


def heading(run: Run, task: Task) -> dict[str, Any]:
    """What every checkpoint says of its run."""
    return {
        "command": run.config.command,
        "config": plain(run.config),
        "data": {"name": task.name, "fingerprint": task.fingerprint, "decoded": task.decoded},
        "epoch": run.state.epoch,
    }


def save_best(run: Run, task: Task) -> None:
    """Write the weights, and what is needed to use them."""
    weights = task.weights()
    require_finite_state(run, weights)
    write_tensors(heading(run, task) | weights, run.config.output / BEST)


def save_last(run: Run, task: Task) -> None:
    """Write everything that going on needs."""
    learnt = task.state()
    require_finite_state(run, learnt)
    state = {
        "precision": run.fabric.strategy.precision.state_dict(),
        "random": random_state(),
        "state": vars(run.state),
    }
    write_tensors(heading(run, task) | learnt | state, run.config.output / LAST)


def resume(run: Run, task: Task) -> None:
    """Go back to where the run in the output folder was saved.

    Raises:
        CrosswakeError: the run was started with other settings or on other data, or is damaged.
    """
    before = run.before or find_run(run.config)
    assert before is not None
    check_data(before, run.config, task.fingerprint, task.decoded)
    with naming_damage(run.config.output / LAST):
        task.load_state(before)
        run.fabric.strategy.precision.load_state_dict(before["precision"])
        run.state = read_state(before["state"])
        restore_random_state(before["random"])
    run.before = None  # it may be large
    if run.first_process:
        write_settings(run.config)
    run.say(f"resumed after epoch {run.state.epoch}, batch {run.state.step} of {run.config.output}")


def find_run(config: RunConfig) -> Mapping[str, Any] | None:
    """The last checkpoint of the run to go on with; None for a new run.

    Raises:
        CrosswakeError: there is none to go on with, or it is another run; or a new one would
            replace what an older one has learnt.
    """
    path = config.output / LAST
    if not config.resume:
        if path.exists() and has_learnt(path):
            raise CrosswakeError(
                f"--output: {config.output} holds a run; add --resume to go on with it, or name "
                "another"
            )
        return None
    if not path.exists():
        raise CrosswakeError(
            f"--resume: {config.output} holds no {LAST}; start without --resume, or correct "
            "--output"
        )
    before = read_tensors(path)
    if before.get("format") != CHECKPOINT_FORMAT or not set(KEYS) <= set(before):
        raise CrosswakeError(f"{path}: no run that can go on; name another --output")
    with naming_damage(path):
        check_settings(before, config)
    return before


def has_learnt(path: Path) -> bool:
    """Whether a ``last.pt`` holds more than the start of a run that was killed at once."""
    try:
        state = read_tensors(path)["state"]
        return bool(state["epoch"] or state["step"])
    except (CrosswakeError, LookupError, TypeError):
        return True  # whatever it is, it is not replaced


def check_settings(before: Mapping[str, Any], config: RunConfig) -> None:
    """Raise unless a run goes on with the command and the settings that it was started with."""
    output, command = config.output, before["command"]
    if command != config.command:
        raise CrosswakeError(other_command(output, command))
    old, new = before["config"], plain(config)
    for name in sorted(set(old) | set(new)):
        if name in MAY_CHANGE_ON_RESUME or old.get(name) == new.get(name):
            continue
        if name != "epochs":
            raise CrosswakeError(
                f"--{name}: the run in {output} has {old.get(name)}, not {new.get(name)}; resume "
                "it as it was started, or name another --output"
            )
        if not config.optimiser.is_constant:
            raise CrosswakeError(
                f"--epochs: the run in {output} has {old['epochs']}, over which its learning rate "
                f"falls to its end, so {config.epochs} would be another run; start that from its "
                f"weights: --init {output / LAST} and another --output"
            )
        if config.epochs < before["state"]["epoch"]:
            done = before["state"]["epoch"]
            raise CrosswakeError(f"--epochs: the run in {output} has finished {done} already")


def check_data(
    before: Mapping[str, Any], config: RunConfig, fingerprint: str, decoded: str | None = None
) -> None:
    """Raise unless a run goes on with the data that it was started on.

    Args:
        before: its last checkpoint.
        config: the settings now.
        fingerprint: of the data now.
        decoded: what stands for the pixels read now; None before any are read.
    """
    with naming_damage(config.output / LAST):
        started = before["data"]["fingerprint"], before["data"]["decoded"]
    if started[0] != fingerprint:
        raise CrosswakeError(
            f"--data: {config.data} differs from the data that the run in {config.output} was "
            "started on; resume it with those, or name another --output"
        )
    if decoded not in (None, started[1]):
        raise CrosswakeError(
            f"--data: files in {config.data} have other pixels than when the run in "
            f"{config.output} was started, or cannot be read any more; put them back, or name "
            "another --output"
        )


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Around the use of what a checkpoint holds: whatever is missing there, or of another type or
    shape, is one line that names the file."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:100]
        raise CrosswakeError(
            f"{path}: damaged, for it cannot be gone on with ({type(error).__name__}: {detail}); "
            "name another --output"
        ) from error


def read_state(saved: Mapping[str, Any]) -> TrainState:
    """How far a run had come.

    Raises:
        TypeError, ValueError: that is not what was saved.
    """
    state = TrainState(**saved)
    for value in (state.epoch, state.step, state.best_epoch, state.stale):
        if type(value) is not int or value < 0:
            raise ValueError("an epoch or a batch is no number")
    numbers = [
        state.seconds,
        *state.totals.values(),
        *([] if state.best_score is None else [state.best_score]),
    ]
    numbers += [value for row in state.rows for value in row.values()]
    if not all(type(value) in (int, float) for value in numbers):
        raise ValueError("a loss or a score is no number")
    return state


def random_state() -> dict[str, Any]:
    """The state of every global random generator, in types that can be read safely."""
    version, internal, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Set every global random generator as it was."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
