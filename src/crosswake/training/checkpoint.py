"""A run on disk: its folder, its checkpoints, and the way back from them."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from crosswake.core.errors import CrosswakeError
from crosswake.core.files import remove_dead_parts, replacing
from crosswake.core.tensor_files import CHECKPOINT_FORMAT, read_tensors, write_tensors
from crosswake.settings.common import plain
from crosswake.settings.run import RunConfig
from crosswake.training.task import Run, Task

LAST, BEST, SETTINGS_FILE = "last.pt", "best.pt", "settings.yaml"
MAY_CHANGE_ON_RESUME = {
    *("resume", "output", "data", "init", "cache", "strict", "quiet", "evaluate"),
    *("device", "devices", "compile", "fused", "recompute_blocks", "channels_last"),
}


def check_folders(config: RunConfig) -> None:
    """Raise, before any data are read, if output or cache or the run to resume cannot be used."""
    for option in ("output", "cache"):
        folder: Path | None = getattr(config, option, None)
        for path in (folder, *folder.parents) if folder is not None else ():
            if path.exists() and not path.is_dir():
                raise CrosswakeError(f"--{option}: {path} is a file; name a folder")
    there = (config.output / LAST).exists()
    if there and not config.resume:
        raise CrosswakeError(
            f"--output: {config.output} holds a run; add --resume to go on with it, or name another"
        )
    if config.resume and not there:
        raise CrosswakeError(
            f"--resume: {config.output} holds no {LAST}; start without --resume, or correct "
            "--output"
        )


def begin(run: Run, task: Task) -> None:
    """Make the run's folder, with its settings and where it starts from.

    Raises:
        CrosswakeError: it cannot be written.
    """
    output = run.config.output
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrosswakeError(
            f"--output: {output} cannot be written ({error.strerror or error}); name another folder"
        ) from error
    settings = plain(run.config) | absolute_paths(run.config) | {"resume": False}
    with replacing(output / SETTINGS_FILE) as temporary:
        temporary.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    save_last(run, task)


def absolute_paths(config: RunConfig) -> dict[str, str]:
    """Where a run finds what it reads, from whichever folder it is resumed."""
    named = {name: getattr(config, name, None) for name in ("data", "cache", "init")}
    if named["init"] and not Path(named["init"]).exists():
        del named["init"]  # the name of something to download
    return {name: str(Path(value).absolute()) for name, value in named.items() if value}


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
    write_tensors(heading(run, task) | task.weights(), run.config.output / BEST)


def save_last(run: Run, task: Task) -> None:
    """Write everything that going on needs."""
    state = {
        "precision": run.fabric.strategy.precision.state_dict(),
        "random": random_state(),
        "state": vars(run.state),
    }
    write_tensors(heading(run, task) | task.state() | state, run.config.output / LAST)


def resume(run: Run, task: Task) -> None:
    """Go back to where the run in the output folder was saved.

    Raises:
        CrosswakeError: the run was started with other settings, or on other data.
    """
    checkpoint = read_run(run.config, task.fingerprint, task.decoded)
    if run.first_process:
        remove_dead_parts(run.config.output, "*")
    task.load_state(checkpoint)
    run.fabric.strategy.precision.load_state_dict(checkpoint["precision"])
    for name, value in checkpoint["state"].items():
        setattr(run.state, name, value)
    restore_random_state(checkpoint["random"])
    run.say(f"resumed after epoch {run.state.epoch}, batch {run.state.step} of {run.config.output}")


def read_run(config: RunConfig, fingerprint: str, decoded: str | None = None) -> Mapping[str, Any]:
    """The last checkpoint of the run in the output folder, which is to go on.

    Args:
        config: the settings now.
        fingerprint: of the data now.
        decoded: what stands for the pixels read now; None before any are read.

    Raises:
        CrosswakeError: the run was started with other settings, or on other data.
    """
    path = config.output / LAST
    checkpoint = read_tensors(path)
    if checkpoint.get("format") != CHECKPOINT_FORMAT:
        raise CrosswakeError(f"{path}: not a checkpoint of this program")
    before, now = checkpoint["config"], plain(config)
    for name in sorted(set(before) | set(now)):
        if name not in MAY_CHANGE_ON_RESUME and before.get(name) != now.get(name):
            raise CrosswakeError(
                f"--{name}: the run in {config.output} has {before.get(name)}, not "
                f"{now.get(name)}; resume it as it was started, or name another --output"
            )
    if checkpoint["data"]["fingerprint"] != fingerprint:
        raise CrosswakeError(
            f"--data: {config.data} differs from the data that the run in {config.output} was "
            "started on; resume it with those, or name another --output"
        )
    if decoded not in (None, checkpoint["data"]["decoded"]):
        raise CrosswakeError(
            f"--data: files in {config.data} have other pixels than when the run in "
            f"{config.output} was started, or cannot be read any more; put them back, or name "
            "another --output"
        )
    return checkpoint


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
