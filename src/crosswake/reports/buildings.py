"""What the scores of a submission become: ``metrics.json``, pictures, and a page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from crosswake.buildings.heights import DELTAS, HEIGHT_METRICS
from crosswake.buildings.measure import BuildingScores
from crosswake.buildings.outcomes import TileOutcome
from crosswake.buildings.reference import Reference
from crosswake.buildings.submission import SubmissionCheck
from crosswake.core.files import make_folder, replacing
from crosswake.core.progress import track
from crosswake.core.provenance import (
    ORIGIN_KEY,
    Origin,
    command_line,
    origin_text,
    refuse_other,
    versions,
)
from crosswake.core.text import counted
from crosswake.data.check.findings import summary_lines
from crosswake.data.tiles import Tile
from crosswake.reports.building_overlays import tile_picture, write_picture
from crosswake.reports.html import page_environment
from crosswake.reports.pictures import data_uri
from crosswake.reports.results import bad_records, estimate_records, number, write_json
from crosswake.retrieval.protocols import Estimate

METRES = ("MAE", "RMSE")
SCORE_TITLES: Mapping[str, str] = {
    "score": "score, (AP50 + δ₁) / 2",
    "AP50": "AP50, masks at IoU 0.5",
    "mAP": "mAP, IoU 0.5 to 0.95",
    "AP75": "AP75, masks at IoU 0.75",
    "APs": "AP of small buildings, below 32² pixels",
    "APm": "AP of medium ones, to 96²",
    "APl": "AP of large ones",
    "delta_1": "δ₁, heights within 1.25 times",
    "delta_2": "δ₂, within 1.25²",
    "delta_3": "δ₃, within 1.25³",
    "MAE": "MAE, m",
    "RMSE": "RMSE, m",
    "MSE": "MSE, m²",
}
"""Metrics in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class ScoredSubmission:
    """A submission and all that is to be said of it.

    Attributes:
        reference: what it was scored against.
        check: what it holds, and its faults.
        scores: the figures.
        outcomes: tile by tile, at ``threshold``.
        threshold: the score at which F1 is best.
        differences: to another submission; empty without one.
        against: that other one.
        origin: what the results are made from.
    """

    reference: Reference
    check: SubmissionCheck
    scores: BuildingScores
    outcomes: tuple[TileOutcome, ...]
    threshold: float
    differences: Mapping[str, Estimate]
    against: Path | None
    origin: Origin

    @property
    def counts(self) -> dict[str, int]:
        """Buildings right, wrong and missed, over all tiles."""
        names = ("right", "wrong", "missed")
        return {name: sum(len(getattr(one, name)) for one in self.outcomes) for name in names}


def require_score_folder(folder: Path, origin: Origin, overwrite: bool) -> None:
    """Refuse to begin where files of others would be replaced; else make the folder.

    Raises:
        CrosswakeError: there are such files.
    """
    files = [folder / "metrics.json", folder / "report.html"]
    refuse_other([*files, *(folder / "overlays").glob("*.png")], origin, overwrite)
    make_folder(folder)


def write_scores(folder: Path, scored: ScoredSubmission, overlays: int, quiet: bool) -> None:
    """Write everything; pictures of an earlier run make room.

    Args:
        folder: that :func:`require_score_folder` has judged.
        scored: what to write.
        overlays: tiles to draw at most.
        quiet: show no progress.
    """
    for old in (folder / "overlays").glob("*.png"):
        old.unlink()
    tiles = {tile.image_id: tile for tile in scored.reference.tiles}
    shown = []
    chosen = worst_and_best(scored.outcomes, overlays)
    for outcome in track(chosen, len(chosen), "overlays", "tiles", quiet):
        shown.append((outcome, overlay_uri(folder, tiles, outcome, scored.origin)))
    write_json(folder / "metrics.json", scores_record(scored))
    write_score_page(folder / "report.html", scored, shown)


def overlay_uri(
    folder: Path, tiles: Mapping[int | None, Tile], outcome: TileOutcome, origin: Origin
) -> Markup:
    """Write the picture of one tile; returns it for the page."""
    picture = tile_picture(tiles.get(outcome.reference.image_id), outcome)
    write_picture(folder / "overlays" / f"{name_of(outcome)}.png", picture, origin)
    return data_uri(Image.fromarray(picture))


def name_of(outcome: TileOutcome) -> str:
    """The stem of a tile, or its number."""
    return outcome.reference.stem or f"image_{outcome.reference.image_id}"


def worst_and_best(outcomes: tuple[TileOutcome, ...], most: int) -> list[TileOutcome]:
    """Tiles with buildings by F1, the worst first; of many only those at both ends."""
    ordered = sorted((one for one in outcomes if not math.isnan(one.f1)), key=lambda one: one.f1)
    if len(ordered) <= most:
        return ordered
    return ordered[: (most + 1) // 2] + ordered[len(ordered) - most // 2 :]


def scores_record(scored: ScoredSubmission) -> dict[str, object]:
    """The content of ``metrics.json``; a number that does not exist is null."""
    scores = scored.scores
    return {
        "measured_on": scored.reference.name,
        "submission": str(scored.check.path),
        "track": scores.track,
        "tiles": scores.tiles,
        "buildings": dict(scores.buildings),
        "metrics": estimate_records(scores.metrics),
        "all_zero_heights": estimate_records(scores.zero),
        "missing_heights": list(scores.missing),
        "by_class": {name: estimate_records(one) for name, one in scores.by_class.items()},
        "by_city": {
            name: {"tiles": scores.city_tiles[name], "metrics": estimate_records(one)}
            for name, one in scores.by_city.items()
        },
        "against": None if scored.against is None else str(scored.against),
        "differences": estimate_records(scored.differences),
        "best_f1": {"score": scored.threshold, **scored.counts},
        "by_tile": [tile_record(one) for one in scored.outcomes],
        "findings": summary_lines(scored.check.findings),
        "left_out": bad_records(scored.reference.bad_files),
        "versions": versions(),
        "command": command_line(),
        ORIGIN_KEY: dict(scored.origin),
    }


def tile_record(outcome: TileOutcome) -> dict[str, object]:
    """One tile of ``metrics.json``."""
    return {
        "tile": name_of(outcome),
        "image_id": outcome.reference.image_id,
        "city": outcome.reference.city,
        "right": len(outcome.right),
        "wrong": len(outcome.wrong),
        "missed": len(outcome.missed),
        "delta_1": number(outcome.delta_1),
    }


def write_score_page(
    path: Path, scored: ScoredSubmission, shown: list[tuple[TileOutcome, Markup]]
) -> None:
    """One page that needs no other file."""
    environment = page_environment()
    environment.filters |= {"value": value_text, "interval": interval_text, "stem": name_of}
    scores = scored.scores
    page = environment.get_template("buildings.html.j2").render(
        scored=scored,
        scores=scores,
        titles={name: title for name, title in SCORE_TITLES.items() if name in scores.metrics},
        city_metrics=[name for name in ("AP50", "delta_1", "score") if name in scores.metrics],
        metres=METRES,
        summary=score_summary(scored),
        findings=summary_lines(scored.check.findings),
        shown=shown,
        heights=bool(scores.zero),
        made_from=origin_text(scored.origin),
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def score_summary(scored: ScoredSubmission) -> str:
    """One sentence: how well, and measured on what."""
    scores = scored.scores
    ap = scores.metrics["AP50"]
    text = (
        f"Measured on {scored.reference.name}, {counted(scores.tiles, 'tile')} with "
        f"{counted(sum(scores.buildings.values()), 'building')}: AP50 {value_text(ap, 'AP50')} "
        f"({interval_text(ap, 'AP50')})"
    )
    if "delta_1" not in scores.metrics:
        return f"{text}."
    ours, flat = scores.metrics["delta_1"], scores.zero["delta_1"]
    return (
        f"{text}; δ₁ {value_text(ours, 'delta_1')} ({interval_text(ours, 'delta_1')}), where a "
        f"map that is 0 everywhere has {value_text(flat, 'delta_1')}."
    )


def value_text(estimate: Estimate, name: str, signed: bool = False) -> str:
    """``50.1``, percent; errors in metres as they are; a dash for what was not measured."""
    return figure_text(estimate.value, name, signed)


def interval_text(estimate: Estimate, name: str, signed: bool = False) -> str:
    """``47.0 to 53.2``; nothing without an interval."""
    if math.isnan(estimate.low):
        return ""
    return (
        f"{figure_text(estimate.low, name, signed)} to {figure_text(estimate.high, name, signed)}"
    )


def figure_text(value: float, name: str, signed: bool) -> str:
    """One number for people."""
    if math.isnan(value):
        return "–"
    in_percent = name not in HEIGHT_METRICS or name in DELTAS
    form = "+" if signed else ""
    return f"{100 * value:{form}.1f}" if in_percent else f"{value:{form}.2f}"
