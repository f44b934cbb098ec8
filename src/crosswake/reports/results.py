"""Writes the numbers: ``metrics.json`` and ``rankings.parquet``."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from crosswake.core.files import replacing
from crosswake.data.reid import BadFile
from crosswake.tasks.reid.results import Evaluation, Metrics, ProtocolOutcome


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write every number with what it is measured on; a number that does not exist is null."""
    with replacing(path) as temporary:
        temporary.write_text(
            json.dumps(metrics_record(evaluation), indent=2, default=str) + "\n", encoding="utf-8"
        )


def metrics_record(evaluation: Evaluation) -> dict[str, object]:
    """The content of ``metrics.json``."""
    return {
        "measured_on": evaluation.data.name,
        "root": str(evaluation.data.root),
        "fingerprint": evaluation.fingerprint,
        "protocols": {
            name: protocol_record(outcome) for name, outcome in evaluation.outcomes.items()
        },
        "unreadable": bad_records(evaluation.unreadable),
        "passed_over": bad_records(evaluation.data.bad_files),
        "rerank": evaluation.rerank.record if evaluation.rerank else None,
        "seed": evaluation.seed,
        "model": dict(evaluation.model),
        "versions": dict(evaluation.versions),
        "command": evaluation.command,
    }


def bad_records(bad_files: Iterable[BadFile]) -> list[dict[str, str]]:
    """Files that were left out."""
    return [{"path": str(bad.path), "reason": bad.reason} for bad in bad_files]


def protocol_record(outcome: ProtocolOutcome) -> dict[str, object]:
    """One protocol of ``metrics.json``."""
    result, reranked = outcome.result, outcome.reranked
    record: dict[str, object] = {
        "queries": result.queries,
        "left_out": result.left_out,
        "gallery": result.gallery,
        "metrics": estimates(result.metrics),
        "median_rank": estimates({"rank": result.median_rank})["rank"],
        "cmc": [number(value) for value in result.curve],
        "baselines": {name: estimates(metrics) for name, metrics in outcome.baselines.items()},
        "by": {
            kind: {
                group: {"queries": part.queries, "metrics": estimates(part.metrics)}
                for group, part in groups.items()
            }
            for kind, groups in outcome.breakdown.items()
        },
    }
    if reranked:
        record["reranked"] = {
            "metrics": estimates(reranked.metrics),
            "cmc": [number(value) for value in reranked.curve],
        }
    return record


def estimates(metrics: Metrics) -> dict[str, dict[str, float | None]]:
    """Value, low and high of each metric."""
    return {
        name: {"value": number(e.value), "low": number(e.low), "high": number(e.high)}
        for name, e in metrics.items()
    }


def number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else float(value)


def write_rankings(path: Path, evaluation: Evaluation) -> None:
    """Write the 50 nearest of every query of every protocol, a row each, nearest first.

    Columns: protocol, query_path, query_identity, rank (from 1), gallery_path, gallery_identity,
    distance (squared Euclidean, 0 to 4) and correct."""
    import pyarrow as pa
    import pyarrow.parquet

    fields = [
        ("protocol", pa.string()),
        ("query_path", pa.string()),
        ("query_identity", pa.string()),
    ]
    fields += [
        ("rank", pa.int32()),
        ("gallery_path", pa.string()),
        ("gallery_identity", pa.string()),
    ]
    fields += [("distance", pa.float32()), ("correct", pa.bool_())]
    schema = pa.schema(fields)
    with (
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for outcome in evaluation.outcomes.values():
            if outcome.query and outcome.gallery:
                writer.write_table(pa.table(ranking_columns(outcome), schema=schema))


def ranking_columns(outcome: ProtocolOutcome) -> dict[str, list[object]]:
    """The columns of one protocol's rank lists."""
    top, distance = outcome.result.ranking.top, outcome.result.ranking.top_distance
    columns: dict[str, list[object]] = {}
    asked = [chip for chip in outcome.query for _ in range(top.shape[1])]
    found = [outcome.gallery[index] for index in top.ravel()]
    columns["protocol"] = [outcome.result.name] * len(found)
    columns["query_path"] = [str(chip.path) for chip in asked]
    columns["query_identity"] = [chip.identity for chip in asked]
    columns["rank"] = [k + 1 for _ in outcome.query for k in range(top.shape[1])]
    columns["gallery_path"] = [str(chip.path) for chip in found]
    columns["gallery_identity"] = [chip.identity for chip in found]
    columns["distance"] = [float(value) for value in distance.ravel()]
    columns["correct"] = [a.identity == b.identity for a, b in zip(asked, found, strict=True)]
    return columns
