"""Runs of ``crosswake buildings train`` on tiny tiles, of a second or two."""

from pathlib import Path

from crosswake.tasks.buildings.task import BuildingsTask, train_buildings
from crosswake.training.task import Run
from tests.parsing import parse_buildings

TINY = [
    "--model.backbone=test_efficientnet",
    "--model.width=8",
    "--crop=64",
    "--crops=1",
    "--batch.tiles=4",
    "--epochs=2",
    "--optimiser.name=adamw",
    "--optimiser.lr=0.003",
    "--validation.every=1",
    "--validation.fraction=0.4",
    "--device=cpu",
    "--quiet",
]


def tiny_words(data: Path, output: Path, *more: str) -> list[str]:
    """The options of a tiny run."""
    return [*TINY, f"--data={data}", f"--output={output}", *more]


def train_tiny(data: Path, output: Path, *more: str) -> tuple[Run, BuildingsTask]:
    """A tiny run; the last of equal options wins."""
    return train_buildings(parse_buildings(tiny_words(data, output, *more)))
