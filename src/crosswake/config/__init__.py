"""Every setting, documented where it is declared and checked in one place.

``recipes/*.yaml`` hold the published settings and our own; ``--config NAME`` finds them by name.
"""

from crosswake.config.common import Device, Precision, check, plain, recipe_path
from crosswake.config.model import ModelConfig
from crosswake.config.pretrain import PairAugmentConfig, PairBatchConfig, PairLossConfig, PretrainConfig
from crosswake.config.run import OptimiserConfig, RunConfig, ValidationConfig
from crosswake.config.train import AugmentConfig, BatchConfig, LossConfig, TrainConfig

__all__ = [
    "AugmentConfig",
    "BatchConfig",
    "Device",
    "LossConfig",
    "ModelConfig",
    "OptimiserConfig",
    "PairAugmentConfig",
    "PairBatchConfig",
    "PairLossConfig",
    "Precision",
    "PretrainConfig",
    "RunConfig",
    "TrainConfig",
    "ValidationConfig",
    "check",
    "plain",
    "recipe_path",
]
