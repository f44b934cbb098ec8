"""The contest's published table with what was reached beside it: ``reproduce.json`` and a page."""

from pathlib import Path

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, Origin, command_line, origin_text, versions
from crosswake.core.text import counted
from crosswake.reports.buildings import interval_text, value_text
from crosswake.reports.html import page_environment
from crosswake.reports.results import estimate_records, write_json
from crosswake.settings.buildings_reproduce import BuildingsReproduceConfig
from crosswake.settings.common import plain
from crosswake.tasks.buildings.reproduce import ContenderScores, Reproduction

REPRODUCTION_COMMAND = "buildings reproduce"
SIMULATED = (
    "SIMULATED TILES: these figures say nothing of the contest's data, and are not to be put "
    "beside the published ones."
)
FIGURES_OF_TRACK = {
    1: ("mAP", "AP50"),
    2: ("mAP", "AP50", "delta_1", "delta_2", "delta_3", "score"),
}
"""Figures of each track's table."""
COMPARED = {1: ("AP50",), 2: ("AP50", "delta_1")}
"""Figures of which differences are shown."""
SHORT = {"delta_1": "δ₁", "delta_2": "δ₂", "delta_3": "δ₃"}


def reproduction_files(folder: Path) -> list[Path]:
    """What is written beside the runs."""
    return [folder / "reproduce.json", folder / "report.html"]


def write_reproduction(config: BuildingsReproduceConfig, found: Reproduction) -> None:
    """Write numbers and page into the output folder."""
    numbers, page = reproduction_files(config.output)
    origin: Origin = {"command": REPRODUCTION_COMMAND, "settings": plain(config)}
    write_json(numbers, reproduction_record(found, origin))
    text = (
        page_environment()
        .get_template("reproduce.html.j2")
        .render(
            found=found,
            warning=SIMULATED if found.simulated else "",
            measured=measured_line(found),
            heads=heads_of_table(found),
            rows=rows_of_table(found),
            budget=config.budget,
            command=command_line(),
            made_from=origin_text(origin),
        )
    )
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def reproduction_record(found: Reproduction, origin: Origin) -> dict[str, object]:
    """The content of ``reproduce.json``."""
    return {
        "measured_on": found.reference.name,
        "simulated": found.simulated,
        "tiles": len(found.reference.results),
        "rows": [
            {
                "model": row.contender.name,
                "seed": row.seed,
                "published_percent": dict(row.contender.published),
                "metrics": estimate_records(row.scores.metrics),
                "all_zero_heights": estimate_records(row.scores.zero),
                "ours_both_less_this": estimate_records(row.ahead),
            }
            for row in found.rows
        ],
        "versions": versions(),
        "command": command_line(),
        ORIGIN_KEY: dict(origin),
    }


def measured_line(found: Reproduction) -> str:
    """On what."""
    buildings = sum(len(one.instances) for one in found.reference.results)
    tiles = counted(len(found.reference.results), "tile")
    line = f"Measured on {found.reference.name}, {tiles} with {counted(buildings, 'building')}."
    zero = found.rows[0].scores.zero
    if "delta_1" in zero:
        line += f" A map that is 0 everywhere has a δ₁ of {value_text(zero['delta_1'], 'delta_1')}."
    return line


def heads_of_table(found: Reproduction) -> list[str]:
    """Names of the columns after the first."""
    track = found.reference.track
    measured = [SHORT.get(name, name) for name in FIGURES_OF_TRACK[track]]
    ahead = [f"ours is ahead, {SHORT.get(name, name)}" for name in COMPARED[track]]
    return ["seed", *measured, "published", *ahead]


def rows_of_table(found: Reproduction) -> list[list[str]]:
    """The cells of each model and seed."""
    return [cells_of(row, found.reference.track) for row in found.rows]


def cells_of(row: ContenderScores, track: int) -> list[str]:
    """One row; what a model does not say is a dash."""
    cells = [row.contender.title, str(row.seed)]
    for name in FIGURES_OF_TRACK[track]:
        estimate = row.scores.metrics.get(name)
        if estimate is None or not says(row, name):
            cells.append("–")
        else:
            cells.append(f"{value_text(estimate, name)} ({interval_text(estimate, name)})")
    published = [f"{SHORT.get(name, name)} {v:g}" for name, v in row.contender.published.items()]
    cells.append(", ".join(published) or "–")
    for name in COMPARED[track]:
        ahead = row.ahead.get(name)
        if ahead is None or not says(row, name):
            cells.append("–")
        else:
            cells.append(f"{value_text(ahead, name, True)} ({interval_text(ahead, name, True)})")
    return cells


def says(row: ContenderScores, name: str) -> bool:
    """Whether a model says what a figure is of: Mask R-CNN no heights, the height network no
    buildings."""
    heights = name.startswith("delta") or name == "score"
    buildings = not name.startswith("delta")
    model = row.contender.name
    without_heights, without_buildings = model.startswith("mask_rcnn"), model == "height_net"
    return not (heights and without_heights) and not (buildings and without_buildings)
