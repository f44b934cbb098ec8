"""Writes what evidence is worth: numbers, pictures and a page."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, command_line, versions
from crosswake.gallery.evaluation import (
    APPEARANCE,
    COSINE,
    MEASURE_TITLES,
    MEASURES,
    TOGETHER,
    DirectionResult,
    GalleryEvaluation,
    SetResult,
)
from crosswake.reports.evidence import draw_bars, draw_open_set, draw_reliability
from crosswake.reports.evidence_page import (
    EvidencePage,
    ShownPicture,
    ShownRow,
    ShownTable,
    spelt_out,
    write_evidence_page,
)
from crosswake.reports.results import estimate_records, number
from crosswake.reports.summary import percent
from crosswake.tasks.reid.results import PROTOCOL_TITLES

PICTURES = ("bars.png", "open-set.png", "reliability.png")
CURVE_RATES = np.array([0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
"""False alarm rates at which ``metrics.json`` gives the curve."""


def result_names() -> tuple[str, ...]:
    """The files that an evaluation writes."""
    return ("metrics.json", "report.html", *PICTURES)


def write_evaluation(folder: Path, evaluation: GalleryEvaluation, origin: Origin) -> None:
    """Write ``metrics.json``, the pictures and ``report.html``."""
    content = {
        "measured_on": evaluation.facts["data"],
        "facts": dict(evaluation.facts),
        "directions": {name: direction_record(one) for name, one in evaluation.directions.items()},
        "versions": versions(),
        "command": command_line(),
        ORIGIN_KEY: dict(origin),
    }
    with replacing(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draw_pictures(folder, evaluation, origin)
    write_evidence_page(folder / "report.html", page_of(folder, evaluation), origin)


def direction_record(one: DirectionResult) -> dict[str, Any]:
    """One direction of ``metrics.json``."""
    names = ("queries", "absent", "ships", "gallery", "impossible", "possible_matches")
    counts = {name: number(getattr(one, name)) for name in names}
    return counts | {"evidence": {name: set_record(each) for name, each in one.sets.items()}}


def set_record(one: SetResult) -> dict[str, Any]:
    """One choice of evidence of ``metrics.json``."""
    record: dict[str, Any] = {
        "metrics": estimate_records(one.metrics),
        "gain_over_appearance": estimate_records(one.gain),
        "reliability": one.reliability.record if one.reliability else None,
    }
    rates, found = one.curve
    if len(rates):
        places = np.searchsorted(rates, CURVE_RATES + 1e-12, side="right") - 1
        record["named_at"] = {
            f"{rate:g}": float(found[place])
            for rate, place in zip(CURVE_RATES, places, strict=True)
        }
    return record


def draw_pictures(folder: Path, evaluation: GalleryEvaluation, origin: Origin) -> None:
    """The three pictures."""
    ways = {PROTOCOL_TITLES[name]: one for name, one in evaluation.directions.items()}
    shown = {name: MEASURE_TITLES[name] for name in ("rank1", "dir1", "dir10")}
    metrics = {
        way: {name: each.metrics for name, each in one.sets.items()} for way, one in ways.items()
    }
    draw_bars(metrics, shown, folder / PICTURES[0], origin)
    curves = {way: {n: each.curve for n, each in one.sets.items()} for way, one in ways.items()}
    best = main_set(next(iter(ways.values())))
    kinds = (COSINE, APPEARANCE, "size", "reachability", best)
    draw_open_set(curves, tuple(dict.fromkeys(kinds)), folder / PICTURES[1], origin)
    said = {
        way: found for way, one in ways.items() if (found := one.sets[main_set(one)].reliability)
    }
    draw_reliability(said, folder / PICTURES[2], origin)


def main_set(one: DirectionResult) -> str:
    """All learnt evidence together; appearance where there is no other."""
    return TOGETHER if TOGETHER in one.sets else APPEARANCE


def page_of(folder: Path, evaluation: GalleryEvaluation) -> EvidencePage:
    """The page."""
    facts, first = evaluation.facts, next(iter(evaluation.directions.values()))
    best = first.sets[main_set(first)].metrics
    alone = first.sets[APPEARANCE].metrics
    return EvidencePage(
        over="evidence",
        title=f"What evidence is worth on {facts['data']}",
        summary=(
            f"{first.queries:,} queries of {first.ships:,} ships against {first.gallery:,} "
            f"sightings; the ships of {first.absent:,} queries are not in the gallery. With all "
            f"evidence the first candidate is likely the same ship and is so for "
            f"{percent(best['rank1'].value)} % (by appearance alone "
            f"{percent(alone['rank1'].value)} %); at 1 % false alarms "
            f"{percent(best['dir1'].value)} % are named ({percent(alone['dir1'].value)} %). "
            f"Expected calibration error: {percent(best['ece'].value)} %."
        ),
        pictures=[
            ShownPicture(
                title="Each kind of evidence, alone and together",
                path=folder / PICTURES[0],
                caption="Bars with 95 % intervals over ships. Named at 1 % false alarms: the share "
                "of queries whose ship is there and is named rightly, at the threshold that 1 % of "
                "the queries without an answer pass.",
            ),
            ShownPicture(
                title="Named rightly against false alarms",
                path=folder / PICTURES[1],
                caption="Dotted: 1 and 10 %, the rates of the table. Below 1 % the axis is linear.",
            ),
            ShownPicture(
                title="Do the probabilities come true?",
                path=folder / PICTURES[2],
                caption="All evidence together. Of answers that were said to be right with a "
                "probability, the share that was; the answer is the likeliest ship, or 'not "
                "there'. Bars: how often it was said.",
            ),
        ],
        tables=[
            table
            for name, one in evaluation.directions.items()
            for table in tables_of_direction(PROTOCOL_TITLES[name], one)
        ],
        facts={**facts, "command": command_line()},
        footer="A ship's probability is the sum over its sightings. 'Likely the same' is a "
        "probability, never a certainty.",
    )


def tables_of_direction(title: str, one: DirectionResult) -> list[ShownTable]:
    """The numbers, and the paired differences to appearance alone."""
    heads = ("evidence", *(MEASURE_TITLES[name] for name in MEASURES))
    best = main_set(one)
    impossible = f"{percent(one.impossible)} % of the sightings are out of a query's reach"
    kept = f"{percent(one.possible_matches)} % of the true matches are within it"
    numbers = ShownTable(
        title=title,
        note=f"{one.queries:,} queries, {one.absent:,} of absent ships; gallery of "
        f"{one.gallery:,}. {impossible}; {kept}. Percent but for Brier scores.",
        heads=heads,
        rows=[
            ShownRow(
                name=name,
                best=name == best,
                cells=[measure_cell(key, each, False) for key in MEASURES],
            )
            for name, each in one.sets.items()
        ],
    )
    gains = ShownTable(
        title=f"{title}: gain over appearance alone",
        note="Paired differences with 95 % intervals over ships, in percentage points but for "
        "Brier scores, of which less is better.",
        heads=heads,
        rows=[
            ShownRow(
                name=name,
                best=name == best,
                cells=[measure_cell(key, each, True) for key in MEASURES],
            )
            for name, each in one.sets.items()
            if each.gain
        ],
    )
    return [numbers, gains]


def measure_cell(measure: str, one: SetResult, gain: bool) -> tuple[str, str]:
    """A cell of a table."""
    estimate = (one.gain if gain else one.metrics)[measure]
    return spelt_out(estimate, *((1, 3) if measure == "brier" else (100, 1)), gain)
