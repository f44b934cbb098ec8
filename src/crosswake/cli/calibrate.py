"""``crosswake calibrate``: what a similarity of a model is worth as a probability."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, plain_table, print_left_out, print_line
from crosswake.cli.sources import require_there
from crosswake.core.text import counted
from crosswake.settings.calibrate import CalibrateConfig

if TYPE_CHECKING:
    from crosswake.core.provenance import Origin
    from crosswake.data.reid import Chips, ReidData
    from crosswake.gallery.calibrating import Calibrated
    from crosswake.tasks.reid.measure import MeasureOptions

KINDS = ("appearance", "size", "reachability")
NOT_HONEST = (
    "--split test: figures that are measured on these sightings with this calibration are not "
    "honest, for it knows them"
)


def run(config: CalibrateConfig) -> int:
    """Calibrate, write, print."""
    require_there(config.data, "folder or table")

    from crosswake.core.provenance import file_hash, refuse_other
    from crosswake.core.said import say_once
    from crosswake.data.reading import read_as
    from crosswake.data.sources.open import open_reid
    from crosswake.gallery.calibrating import calibrate
    from crosswake.gallery.known import chips_to_calibrate_on, embed_known
    from crosswake.models.embedder import load
    from crosswake.retrieval.calibration import CALIBRATION_FILE, write_calibration

    data = read_as(open_reid(config.data), config.reading)
    chips, split = chips_to_calibrate_on(config.checkpoint, data, config.split)
    if split == "test":
        say_once(f"warning: {NOT_HONEST}")
    output = config.output or config.checkpoint.with_name(CALIBRATION_FILE)
    origin = origin_of_calibration(config, split, chips)
    page, picture = output.with_suffix(".html"), output.with_suffix(".png")
    refuse_other([output, page, picture], origin, config.overwrite)
    model = load(config.checkpoint, device=config.device, precision=config.precision)
    _, sightings, bad = embed_known(model, data, chips, options_of(config))
    found = calibrate(sightings, file_hash(config.checkpoint), config, config.seed)
    facts = {"data": data.name, "root": str(data.root), "split": split}
    found = found.with_facts(facts | {"checkpoint": str(config.checkpoint)})
    write_calibration(output, found.calibration, origin)
    write_page(page, picture, found, data, origin)
    if not config.quiet:
        print_calibration(found, split)
    print_left_out(bad, str(page))
    if config.not_there is None and not config.quiet:
        usual = found.calibration.not_there
        print(f"prior of 'not in this gallery': {usual:g} (--not_there)", file=sys.stderr)
    print_line(output)
    return 0


def options_of(config: CalibrateConfig) -> "MeasureOptions":
    """How chips are read and embedded."""
    from crosswake.tasks.reid.measure import MeasureOptions

    return MeasureOptions(
        seed=config.seed,
        strict=config.strict,
        quiet=config.quiet,
        batch_size=config.batch_size,
    )


def origin_of_calibration(config: CalibrateConfig, split: str, chips: "Chips") -> "Origin":
    """What a calibration is made from."""
    from crosswake.core.provenance import file_hash
    from crosswake.data.reid import chips_fingerprint

    return {
        "command": "calibrate",
        "weights": file_hash(config.checkpoint),
        "data": chips_fingerprint(chips),
        "split": split,
        "seed": config.seed,
        "precision": config.precision,
        "max_speed": config.max_speed,
        "position_error": config.position_error,
        "not_there": config.not_there,
    }


def print_calibration(found: "Calibrated", split: str) -> None:
    """A table of the curves, and the weights of all evidence together; the page has the others."""
    from crosswake.reports.evidence_page import error_text

    console, facts = make_console(), found.calibration.facts
    ships = counted(facts["ships"], "ship")
    table = plain_table(
        f"calibrated on {ships} ({split}) of {facts['data']}",
        "modalities",
        ("pairs of one ship", "of two", "curve", "calibration error"),
    )
    for name, curve in found.calibration.curves.items():
        pairs = facts["pairs"][name]
        error = error_text(found.reliability[name].error)
        table.add_row(name, str(pairs["same"]), str(pairs["different"]), curve.method, error)
    console.print(table)
    most = max((name.count("+") for name in found.calibration.weights), default=0)
    for name, one in found.calibration.weights.items():
        kinds = name.split(":")[-1].split("+")
        if len(kinds) <= most:
            continue
        factors = ", ".join(f"{kind} {getattr(one, kind):.2f}" for kind in kinds)
        console.print(
            f"weights of {name}: {factors}; not there {one.absent:+.2f}, nest {one.nest:.2f}, "
            f"peak {one.peak:.2f}"
        )


def write_page(
    page: Path, picture: Path, found: "Calibrated", data: "ReidData", origin: "Origin"
) -> None:
    """The picture, and the page with it."""
    from crosswake.core.provenance import command_line
    from crosswake.reports.evidence import draw_calibration
    from crosswake.reports.evidence_page import (
        EvidencePage,
        ShownPicture,
        ShownRow,
        ShownTable,
        error_text,
        write_evidence_page,
    )

    calibration = found.calibration
    draw_calibration(calibration.curves, found.reliability, picture, origin)
    rows = [
        ShownRow(
            name=name,
            cells=[
                *((f"{getattr(one, kind):.2f}" if kind in name else "–", "") for kind in KINDS),
                *(
                    (text, "")
                    for text in (f"{one.absent:+.2f}", f"{one.nest:.2f}", f"{one.peak:.2f}")
                ),
            ],
        )
        for name, one in calibration.weights.items()
    ]
    errors = {name: error_text(one.error) for name, one in found.reliability.items()}
    content = EvidencePage(
        over="calibration",
        title=f"How sure is {Path(str(calibration.facts['checkpoint'])).name}?",
        summary=(
            f"Made on {counted(calibration.facts['ships'], 'ship')} of {data.name} "
            f"({calibration.facts['split']}) with "
            f"{counted(calibration.facts['sightings'], 'sighting')}, which the model did not learn "
            "from. Expected calibration error: "
            + "; ".join(f"{name} {text}" for name, text in errors.items())
            + "."
        ),
        pictures=[
            ShownPicture(
                title="From cosine to evidence",
                path=picture,
                caption=(
                    "Above: natural-log likelihood ratio of one ship against two ships. Below: of "
                    "pairs said to be of one ship with a probability (pairs of one ship and of two "
                    "weigh alike), the share that was. Ships were cut into five parts, and each "
                    "was judged by a curve fitted on the others. Bars: how often it was said."
                ),
            )
        ],
        tables=[
            ShownTable(
                title="Weights of the evidence",
                note="What each log ratio is multiplied by before they are added, by the kinds of "
                "evidence that there are, and what is added to the log prior odds of 'not there'; "
                "nest and peak: how all candidates together stand against it.",
                heads=("evidence", *KINDS, "not there", "nest", "peak"),
                rows=rows,
            )
        ],
        facts={
            "data": str(data.root),
            "weights": calibration.model,
            "prior of 'not in this gallery'": calibration.not_there,
            "command": command_line(),
        },
        footer="A probability holds for data like those it was calibrated on: the same sensors, "
        "sizes and waters.",
    )
    write_evidence_page(page, content, origin)
