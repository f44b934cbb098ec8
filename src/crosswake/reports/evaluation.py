"""A whole evaluation: measured, then written as numbers, rank lists and a report."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from crosswake.core.files import make_folder
from crosswake.core.provenance import file_hash, refuse_other
from crosswake.data.chips import Chip
from crosswake.data.reid import ReidData, chips_fingerprint
from crosswake.models.base import ChipEmbedder
from crosswake.reports.html import write_report
from crosswake.reports.queries import write_queries
from crosswake.reports.results import write_metrics, write_rankings
from crosswake.tasks.reid.measure import (
    MEASURE_DEFAULTS,
    MeasureOptions,
    chips_to_measure,
    measure,
)
from crosswake.tasks.reid.results import Evaluation


def evaluate_model(
    embedder: ChipEmbedder,
    data: ReidData,
    output: Path,
    options: MeasureOptions = MEASURE_DEFAULTS,
    overwrite: bool = False,
) -> Evaluation:
    """Measure by all protocols; write ``metrics.json``, ``rankings.parquet`` and ``report.html``.

    Args:
        embedder: turns chips into features.
        data: queries and galleries; its training part is not touched.
        output: a folder, made if need be; results in it that were made from the same weights, data
            and settings are replaced.
        options: how to measure.
        overwrite: replace also results that were made from others.

    Raises:
        CrosswakeError: no test chips, none readable, a folder that cannot be made or holds other
            files of these names, features not finite.
    """
    chips = chips_to_measure(data)
    origin = origin_of(embedder, "evaluate", chips, options) | {
        "protocols": {name: list(map(len, data.protocol(name))) for name in data.protocols},
        "rerank": options.rerank.record if options.rerank else None,
    }
    refuse_other(result_files(output), origin, overwrite)
    make_folder(output)
    evaluation = replace(measure(embedder, data, options), origin=origin)
    write_metrics(output / "metrics.json", evaluation)
    write_rankings(output / "rankings.parquet", evaluation)
    write_queries(output / "queries.parquet", evaluation)
    write_report(output / "report.html", evaluation, embedder)
    return evaluation


def result_files(folder: Path) -> list[Path]:
    """The files that an evaluation writes."""
    names = ("metrics.json", "rankings.parquet", "queries.parquet", "report.html")
    return [folder / name for name in names]


def origin_of(
    embedder: ChipEmbedder, command: str, chips: Iterable[Chip], options: MeasureOptions
) -> dict[str, object]:
    """What results of a command are made from, see :data:`crosswake.core.provenance.Origin`."""
    weights, chips = Path(embedder.source), list(chips)
    bands = {str(chip.reading.sar_band) for chip in chips if chip.reading.sar_band is not None}
    return {
        "command": command,
        "weights": file_hash(weights) if weights.is_file() else embedder.source,
        "data": chips_fingerprint(chips),
        "precision": embedder.precision,
        "sar_radiometry": embedder.sar_radiometry,
        "sar_band": sorted(bands),
        "seed": options.seed,
    }
