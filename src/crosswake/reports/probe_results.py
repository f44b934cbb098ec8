"""Writes the numbers of a linear probe: ``probe.json``."""

import json
from pathlib import Path

from crosswake.core.files import replacing
from crosswake.core.provenance import command_line, versions
from crosswake.reports.results import bad_records, estimates
from crosswake.tasks.probe.measure import ProbeResult


def write_probe(path: Path, result: ProbeResult, model: dict[str, object], seed: int) -> None:
    """Write every number with what it is measured on.

    Args:
        path: the file.
        result: what was found.
        model: the embedder's own description.
        seed: of folds and intervals.
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
            name: {**estimates({"accuracy": one.accuracy}), "confusion": one.confusion.tolist()}
            for name, one in result.probes.items()
        },
        "unreadable": bad_records(result.unreadable),
        "passed_over": bad_records(result.data.bad_files),
        "seed": seed,
        "model": model,
        "versions": versions(),
        "command": command_line(),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")
