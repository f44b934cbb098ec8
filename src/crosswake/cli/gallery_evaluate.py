"""``crosswake gallery evaluate``: what each kind of evidence is worth, alone and together."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crosswake.cli.printing import make_console, plain_table, print_left_out, print_line
from crosswake.cli.sources import own_name, require_there, results_folder
from crosswake.core.errors import CrosswakeError
from crosswake.settings.calibrate import GalleryEvaluateConfig

if TYPE_CHECKING:
    from crosswake.gallery.evaluation import DirectionResult, GalleryEvaluation
    from crosswake.retrieval.calibration import Calibration


def run(config: GalleryEvaluateConfig) -> int:
    """Measure, write, print."""
    require_there(config.data, "folder or table")

    from crosswake.core.files import make_folder
    from crosswake.core.provenance import file_hash, refuse_other
    from crosswake.data.reading import read_as
    from crosswake.data.reid import chips_fingerprint
    from crosswake.data.sources.open import open_reid
    from crosswake.gallery.evaluation import (
        GalleryEvaluation,
        TrialRows,
        evaluate_evidence,
        leave_out,
    )
    from crosswake.gallery.evaluation_report import result_names, write_evaluation
    from crosswake.gallery.evidence import Weighing
    from crosswake.gallery.known import embed_known, known_rows
    from crosswake.models.embedder import load
    from crosswake.tasks.reid.measure import MeasureOptions

    data = read_as(open_reid(config.data), config.reading)
    data.require_test()
    calibration = find_calibration(config)
    chips = tuple(dict.fromkeys((*data.query, *data.gallery)))
    output = config.output or results_folder(config.checkpoint, "evidence", own_name(config.data))
    origin = {
        "command": "gallery evaluate",
        "weights": file_hash(config.checkpoint),
        "calibration": file_hash(path_of_calibration(config)),
        "data": chips_fingerprint(chips),
        "absent": config.absent,
        "seed": config.seed,
        "precision": config.precision,
        **{name: getattr(config, name) for name in ("max_speed", "position_error", "not_there")},
        **{name: getattr(config, name) for name in ("claim_ratio", "type_ratio", "sea_routes")},
    }
    refuse_other([output / name for name in result_names()], origin, config.overwrite)
    make_folder(output)
    model = load(config.checkpoint, device=config.device, precision=config.precision)
    how = MeasureOptions(strict=config.strict, quiet=config.quiet, batch_size=config.batch_size)
    good, sightings, bad = embed_known(model, data, chips, how)
    rows = TrialRows(
        query=np.array(known_rows(good, data.query), np.int64),
        gallery=np.flatnonzero(np.isin(np.arange(len(good)), gallery_rows(good, data.gallery))),
    )
    rows = leave_out(sightings, rows, config.absent, config.seed)
    weighing = Weighing(config=config, calibration=calibration)
    directions = evaluate_evidence(sightings, rows, weighing, config.seed, config.quiet)
    evaluation = GalleryEvaluation(
        directions=directions,
        facts={
            "data": data.name,
            "root": str(data.root),
            "checkpoint": str(config.checkpoint),
            "calibrated on": calibrated_on(calibration),
            "absent": config.absent,
            "prior of not there": config.not_there or calibration.not_there,
            "greatest speed, knots": config.max_speed,
            "seed": config.seed,
        },
    )
    write_evaluation(output, evaluation, origin)
    if not config.quiet:
        print_evaluation(evaluation)
    print_left_out(bad, "metrics.json")
    print_line(f"report: {output / 'report.html'}")
    return 0


def path_of_calibration(config: GalleryEvaluateConfig) -> Path:
    """Where the calibration is."""
    from crosswake.retrieval.calibration import CALIBRATION_FILE

    return config.calibration or config.checkpoint.with_name(CALIBRATION_FILE)


def find_calibration(config: GalleryEvaluateConfig) -> "Calibration":
    """The calibration of the model.

    Raises:
        CrosswakeError: there is none, or it is of other weights.
    """
    from crosswake.retrieval.calibration import calibration_of

    path = path_of_calibration(config)
    if not path.exists():
        raise CrosswakeError(
            f"--calibration: {path}: no such file; make it with crosswake calibrate, for without "
            "one there are no probabilities to measure"
        )
    return calibration_of(path, config.checkpoint)


def calibrated_on(calibration: "Calibration") -> str:
    """The data of a calibration in words."""
    facts = calibration.facts
    return f"{facts.get('ships')} ships of {facts.get('data')} ({facts.get('split')})"


def gallery_rows(chips: "tuple[object, ...]", gallery: "tuple[object, ...]") -> list[int]:
    """The places of the gallery's chips."""
    wanted = set(gallery)
    return [row for row, chip in enumerate(chips) if chip in wanted]


def print_evaluation(evaluation: "GalleryEvaluation") -> None:
    """A table for each direction."""
    from crosswake.gallery.evaluation import MEASURE_TITLES, MEASURES
    from crosswake.reports.evidence_page import spelt_out
    from crosswake.tasks.reid.results import PROTOCOL_TITLES

    console = make_console()
    for name, one in evaluation.directions.items():
        heads = [MEASURE_TITLES[measure] for measure in MEASURES]
        table = plain_table(f"{PROTOCOL_TITLES[name]}: {direction_counts(one)}", "evidence", heads)
        for kind, result in one.sets.items():
            cells = [
                " ".join(filter(None, (value, f"({interval})" if interval else "")))
                for value, interval in (
                    spelt_out(
                        result.metrics[m], 1 if m == "brier" else 100, 3 if m == "brier" else 1
                    )
                    for m in MEASURES
                )
            ]
            table.add_row(kind, *cells)
        console.print(table)
    console.print(
        "Percent but for Brier scores, with 95 % intervals over ships. Absent on purpose: "
        f"{100 * float(str(evaluation.facts['absent'])):g} % of the ships.",
        style="dim",
    )


def direction_counts(one: "DirectionResult") -> str:
    """``1,200 queries (380 of absent ships), gallery of 900``."""
    return f"{one.queries:,} queries ({one.absent:,} of absent ships), gallery of {one.gallery:,}"
