"""Keeps a run on disk: its settings, its checkpoints, and the way back from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crosswake.core.errors import CrosswakeError
from crosswake.settings.common import plain
from crosswake.settings.run import RunConfig
from crosswake.training.checkpoint import (
    random_state,
    read_checkpoint,
    restore_random_state,
    save_whole,
)
from crosswake.training.run import BEST, LAST, SETTINGS, Run

MAY_CHANGE_ON_RESUME = {
    "resume",
    "output",
    "quiet",
    "device",
    "devices",
    "strict",
    "evaluate",
    "data",
    "init",
    "cache",
}
MAY_CHANGE_ON_RESUME |= {"compile", "fused", "recompute_blocks", "channels_last"}


def begin(run: Run) -> None:
    """Make the run's folder, with its settings and where it starts from.

    Raises:
        CrosswakeError: it cannot be written.
    """
    output = run.config.output
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_settings(run.config)
    except OSError as error:
        reason = error.strerror or error
        raise CrosswakeError(
            f"--output: {output} cannot be written ({reason}); name another folder"
        ) from error
    save_last(run)


def write_settings(config: RunConfig) -> None:
    """Write the resolved settings into the run's folder, in the form that ``--config`` reads."""
    settings = plain(config) | absolute_paths(config) | {"resume": False}
    temporary = config.output / f".{SETTINGS}.part"
    temporary.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    temporary.replace(config.output / SETTINGS)


def absolute_paths(config: RunConfig) -> dict[str, str]:
    """Where a run finds what it reads, from whichever folder it is resumed."""
    known: dict[str, Path | None] = {"data": config.data, "cache": getattr(config, "cache", None)}
    if config.init is not None and Path(config.init).exists():  # else a name that can be downloaded
        known["init"] = Path(config.init)
    return {name: str(path.absolute()) for name, path in known.items() if path is not None}


def contents(run: Run) -> dict[str, Any]:
    """What a checkpoint for use holds: weights and what is needed to use them."""
    return {
        "command": run.config.command,
        "config": plain(run.config),
        "identities": run.job.identities,
        "data": {
            "name": run.job.name,
            "fingerprint": run.job.fingerprint,
            "decoded": run.job.decoded,
        },
        "epoch": run.state.epoch,
        "model": {
            name: value.detach().cpu().clone() for name, value in run.model.state_dict().items()
        },
    }


def read_run(config: RunConfig, fingerprint: str) -> dict[str, Any]:
    """The last checkpoint of the run in the output folder, which is to go on.

    Args:
        config: the settings now.
        fingerprint: of the data now.

    Raises:
        CrosswakeError: the run was started with other settings, or on other data.
    """
    checkpoint = read_checkpoint(config.output / LAST)
    before, now = checkpoint["config"], plain(config)
    for name in sorted(set(before) | set(now)):
        if name not in MAY_CHANGE_ON_RESUME and before.get(name) != now.get(name):
            raise CrosswakeError(
                f"--{name}: the run in {config.output} has {before.get(name)}, not "
                f"{now.get(name)}; "
                "resume it as it was started, or name another --output"
            )
    if checkpoint["data"]["fingerprint"] != fingerprint:
        raise CrosswakeError(
            f"--data: {config.data} differs from the data that the run in {config.output} was "
            "started on; "
            "resume it with those, or name another --output"
        )
    return checkpoint


def check_decoded(config: RunConfig, decoded: str) -> None:
    """Raise if other pixels have been read than when the run to go on with was started.

    Args:
        config: the settings.
        decoded: what stands for the pixels read now.
    """
    before = read_checkpoint(config.output / LAST)["data"].get("decoded", decoded)
    if before != decoded:
        raise CrosswakeError(
            f"--data: files in {config.data} have other pixels than when the run in "
            f"{config.output} was started, or "
            "cannot be read any more; put them back, or name another --output"
        )


def restore(run: Run) -> Mapping[str, Any]:
    """Put model and optimiser back as the last checkpoint has them, and return it.

    Raises:
        CrosswakeError: the run was started with other settings, or on other data.
    """
    checkpoint = read_run(run.config, run.job.fingerprint)
    run.model.load_state_dict(checkpoint["model"])
    run.optimiser.load_state_dict(checkpoint["optimiser"])
    run.fabric.strategy.precision.load_state_dict(checkpoint["precision"])
    return checkpoint


def save_best(run: Run) -> None:
    """Write the weights, and what is needed to use them."""
    save_whole(contents(run), run.config.output / BEST)


def save_last(run: Run) -> None:
    """Write everything that going on needs."""
    state = contents(run) | {
        "optimiser": run.optimiser.state_dict(),
        "precision": run.fabric.strategy.precision.state_dict(),
        "random": random_state(),
        "state": vars(run.state),
    }
    save_whole(state, run.config.output / LAST)


def resume(run: Run) -> None:
    """Go back to where the run in the output folder was saved."""
    checkpoint = restore(run)
    for name, value in checkpoint["state"].items():
        setattr(run.state, name, value)
    restore_random_state(checkpoint["random"])
    run.say(f"resumed after epoch {run.state.epoch}, batch {run.state.step} of {run.config.output}")
