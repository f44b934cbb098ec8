"""How weights move: the learning rate of every epoch, and an optimiser with all that surrounds
it."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from crosswake.settings.run import OptimiserConfig, RunConfig
from crosswake.training.task import Step


def learning_rate(epoch: int, epochs: int, config: OptimiserConfig) -> float:
    """Rate of an epoch counted from 1: linear warm-up, then a cosine over all epochs (TransOSS's
    own).

    The cosine does not start after the warm-up but runs from epoch 0, as published."""
    low = config.warmup_factor * config.lr
    if epoch < config.warmup_epochs:
        return low + (config.lr - low) * epoch / config.warmup_epochs
    floor = config.final_factor * config.lr
    return floor + (config.lr - floor) * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2


class Optimisation:
    """A module and the optimiser of its trainable weights, for the processes of a run.

    A task has one for every optimiser: a generator and its discriminator have one each.

    Args:
        fabric: device, precision and processes.
        module: the model with its losses; all that is to be learnt.
        config: the run's settings: epochs, precision and whether to fuse.
        optimiser: which optimiser, how fast, and the clip norm; the run's own if None.

    Attributes:
        module: the module, wrapped for the processes at hand; call it as the module is called.
        optimiser: PyTorch's.
    """

    def __init__(
        self,
        fabric: Fabric,
        module: nn.Module,
        config: RunConfig,
        optimiser: OptimiserConfig | None = None,
    ) -> None:
        self.config = optimiser or config.optimiser
        self.fabric, self.epochs = fabric, config.epochs
        fused = config.fused and can_fuse(fabric.device, config.precision, self.config)
        made = make_optimiser(module, self.config, fused=fused)
        self.module, self.optimiser = fabric.setup(module, made)

    def set_rate(self, epoch: int) -> float:
        """Give every group of weights its multiple of the epoch's learning rate, which is
        returned."""
        rate = learning_rate(epoch, self.epochs, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["lr_factor"]
        return rate

    @contextmanager
    def learning(self, step: Step) -> Iterator[None]:
        """Around forward and backward of one batch; moves the weights afterwards if it is time.

        Processes exchange gradients only then."""
        with nullcontext() if step.moves else self.no_exchange():
            yield
        if step.moves:
            self.move()

    def no_exchange(self) -> Any:
        """Around forward and backward passes whose gradients stay in this process for now."""
        return self.fabric.no_backward_sync(self.module)

    def backward(self, loss: Tensor, share: float = 1.0) -> None:
        """Add ``share`` of the loss's gradients to those of the weights."""
        self.fabric.backward(loss * share)

    def move(self) -> None:
        """Clip the gradients, move the weights, and clear the gradients.

        Gradients that are no numbers are for the loop to find, in the loss: in fp16 a first few are
        usual, and skipped."""
        if self.config.clip_norm is not None:
            self.fabric.clip_gradients(
                self.module,
                self.optimiser,
                max_norm=self.config.clip_norm,
                error_if_nonfinite=False,
            )
        self.optimiser.step()
        self.optimiser.zero_grad()

    def state(self) -> dict[str, Any]:
        """What the optimiser remembers: momentum, and how often it has moved."""
        return dict(self.optimiser.state_dict())

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to a :meth:`state`.

        Raises:
            ValueError: it is of other weights.
        """
        self.optimiser.load_state_dict(dict(state))
        for weight, values in self.optimiser.state.items():
            for name, value in values.items():
                if isinstance(value, Tensor) and value.ndim and value.shape != weight.shape:
                    raise ValueError(f"{name} is of shape {tuple(value.shape)}")


def make_optimiser(
    model: nn.Module, config: OptimiserConfig, *, fused: bool = False
) -> torch.optim.Optimizer:
    """SGD or AdamW over the trainable weights, biases at their own rate (``lr_factor`` of the
    group).

    Args:
        model: whose weights.
        config: which optimiser, and how fast.
        fused: move all weights in one operation, which not every device has; equal to rounding.
    """
    biases, others = (
        [
            weight
            for name, weight in model.named_parameters()
            if weight.requires_grad and name.endswith("bias") == is_bias
        ]
        for is_bias in (True, False)
    )
    groups: list[dict[str, Any]] = [
        {"params": others, "lr_factor": 1.0},
        {"params": biases, "lr_factor": config.bias_lr_factor},
    ]
    common: dict[str, Any] = {
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        "fused": fused or None,
    }
    if config.name == "sgd":
        return torch.optim.SGD(groups, momentum=config.momentum, **common)
    return torch.optim.AdamW(groups, **common)


def can_fuse(device: torch.device, precision: str, config: OptimiserConfig) -> bool:
    """Whether a fused optimiser does: with fp16 it scales gradients itself, too late to clip
    them."""
    clips_scaled = precision == "fp16" and config.clip_norm is not None
    return device.type in ("cpu", "cuda") and not clips_scaled
