"""Writes the numbers: ``metrics.json``, ``rankings.parquet`` and ``probe.json``."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, command_line, origin_text, versions
from crosswake.data.reid import UNKNOWN, BadFile
from crosswake.tasks.probe.measure import ProbeResult
from crosswake.tasks.reid.results import Evaluation, Metrics, ProtocolOutcome


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """Write every number with what it is measured on; a number that does not exist is null."""
    write_json(path, metrics_record(evaluation))


def write_json(path: Path, record: dict[str, object]) -> None:
    """Write a record for people and programs."""
    with replacing(path) as temporary:
        content = json.dumps(record, indent=2, default=str)
        temporary.write_text(content + "\n", encoding="utf-8")


def metrics_record(evaluation: Evaluation) -> dict[str, object]:
    """The content of ``metrics.json``."""
    return {
        "measured_on": evaluation.data.name,
        "root": str(evaluation.data.root),
        "fingerprint": evaluation.fingerprint,
        "protocols": {
            name: protocol_record(outcome) for name, outcome in evaluation.outcomes.items()
        },
        "findings": [asdict(finding) for finding in evaluation.findings],
        "unreadable": bad_records(evaluation.unreadable),
        "passed_over": bad_records(evaluation.data.bad_files),
        "rerank": evaluation.rerank.record if evaluation.rerank else None,
        "seed": evaluation.seed,
        "model": dict(evaluation.model),
        "versions": dict(evaluation.versions),
        "command": evaluation.command,
        ORIGIN_KEY: dict(evaluation.origin),
    }


def bad_records(bad_files: Iterable[BadFile]) -> list[dict[str, str]]:
    """Files that were left out."""
    return [{"path": str(bad.path), "reason": bad.reason} for bad in bad_files]


def protocol_record(outcome: ProtocolOutcome) -> dict[str, object]:
    """One protocol of ``metrics.json``."""
    result, reranked = outcome.result, outcome.reranked
    record: dict[str, object] = {
        "chosen_by": outcome.chosen_by,
        "queries": result.queries,
        "left_out": result.left_out,
        "tied": result.tied,
        "gallery": result.gallery,
        "distractors": outcome.distractors,
        "metrics": estimate_records(result.metrics),
        "median_rank": estimate_records({"rank": result.median_rank})["rank"],
        "cmc": [number(value) for value in result.curve],
        "baselines": {
            name: estimate_records(metrics) for name, metrics in outcome.baselines.items()
        },
        "baseline_cmc": {
            name: [number(value) for value in curve] for name, curve in outcome.curves.items()
        },
        "by": {
            kind: {
                group: {"queries": part.queries, "metrics": estimate_records(part.metrics)}
                for group, part in groups.items()
            }
            for kind, groups in outcome.breakdown.items()
        },
    }
    if reranked:
        record["reranked"] = {
            "metrics": estimate_records(reranked.metrics),
            "cmc": [number(value) for value in reranked.curve],
        }
    return record


def estimate_records(metrics: Metrics) -> dict[str, dict[str, float | None]]:
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

    schema = pa.schema(
        [
            ("protocol", pa.string()),
            ("query_path", pa.string()),
            ("query_identity", pa.string()),
            ("rank", pa.int32()),
            ("gallery_path", pa.string()),
            ("gallery_identity", pa.string()),
            ("distance", pa.float32()),
            ("correct", pa.bool_()),
        ],
        metadata={ORIGIN_KEY: origin_text(evaluation.origin)},
    )
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
    queries = [chip for chip in outcome.query for _ in range(top.shape[1])]
    found = [outcome.gallery[index] for index in top.ravel()]
    return {
        "protocol": [outcome.result.name] * len(found),
        "query_path": [str(chip.path) for chip in queries],
        "query_identity": [chip.identity for chip in queries],
        "rank": [k + 1 for _ in outcome.query for k in range(top.shape[1])],
        "gallery_path": [str(chip.path) for chip in found],
        "gallery_identity": [chip.identity for chip in found],
        "distance": [float(value) for value in distance.ravel()],
        "correct": [
            a.identity == b.identity != UNKNOWN for a, b in zip(queries, found, strict=True)
        ],
    }


def write_probe(path: Path, result: ProbeResult, model: dict[str, object], origin: Origin) -> None:
    """Write every number of a linear probe with what it is measured on.

    Args:
        path: the file.
        result: what was found.
        model: the embedder's own description.
        origin: what the result was made from.
    """
    record = {
        "measured_on": result.data.name,
        "root": str(result.data.root),
        "fingerprint": result.fingerprint,
        "pairs": result.pairs,
        "classes": dict(zip(result.classes, result.scenes, strict=True)),
        "by_scene": result.by_scene,
        "majority": result.majority,
        "probes": {
            name: {
                **estimate_records({"accuracy": one.accuracy}),
                "confusion": one.confusion.tolist(),
            }
            for name, one in result.probes.items()
        },
        "unreadable": bad_records(result.unreadable),
        "passed_over": bad_records(result.data.bad_files),
        "seed": origin["seed"],
        "model": model,
        "versions": versions(),
        "command": command_line(),
        ORIGIN_KEY: dict(origin),
    }
    write_json(path, record)
