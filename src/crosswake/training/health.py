"""What is no longer a number is found before it is saved or measured, and said in one line."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from crosswake.core.errors import CrosswakeError
from crosswake.training.folder import LAST
from crosswake.training.task import Run


def require_finite_state(run: Run, content: Mapping[str, Any]) -> None:
    """Raise if a tensor of what is to be saved is not finite."""
    if not all(bool(torch.isfinite(value).all()) for value in tensors_in(content)):
        state = run.state
        raise diverged(run, "the weights are no longer numbers", state.epoch + (state.step > 0))


def tensors_in(content: Any) -> Iterator[Tensor]:
    """Every tensor in nested dictionaries and lists."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, Mapping | list | tuple):
        for value in content.values() if isinstance(content, Mapping) else content:
            yield from tensors_in(value)


def diverged(run: Run, what: str, epoch: int) -> CrosswakeError:
    """The one line about training that no longer gives numbers.

    Args:
        run: which run.
        what: is no longer a number.
        epoch: that it happened in.
    """
    optimiser, last = run.config.optimiser, run.config.output / LAST
    clip = (
        "set --optimiser.clip_norm 1"
        if optimiser.clip_norm is None
        else f"--optimiser.clip_norm ({optimiser.clip_norm:g})"
    )
    saved = f"; {last} holds epoch {epoch - 1}" if epoch > 1 or run.config.resume else ""
    return CrosswakeError(
        f"{what} in epoch {epoch}; lower --optimiser.lr ({optimiser.lr:g}) or {clip}{saved}"
    )
