"""Writes ``report.html``: one page that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from crosswake.core.files import replacing
from crosswake.core.text import counted
from crosswake.data.chips import Chip
from crosswake.reports import content as report_data
from crosswake.reports import figures, thumbnails
from crosswake.reports.summary import percent
from crosswake.retrieval.protocols import METRICS
from crosswake.tasks.reid.results import METRIC_TITLES, Evaluation, ProtocolOutcome


def write_report(path: Path, evaluation: Evaluation, embedder: Any) -> None:
    """Write the report; ``embedder`` is asked for attention maps of a few chips.

    The same evaluation gives the same page, byte for byte, on the same machine.
    """
    environment = Environment(
        loader=PackageLoader("crosswake.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "thumbnail": thumbnail,
        "short": short,
        "counted": counted,
    }
    page = environment.get_template("report.html.j2").render(**content(evaluation, embedder))
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def content(evaluation: Evaluation, embedder: Any) -> dict[str, object]:
    """Everything that the template names."""
    outcomes = list(evaluation.outcomes.values())
    measured = [outcome for outcome in outcomes if outcome.result.queries]
    return {
        "evaluation": evaluation,
        "subject": evaluation.data.subject,
        "outcomes": outcomes,
        "measured": measured,
        "metrics": [(name, METRIC_TITLES[name]) for name in METRICS],
        "summary": summary(evaluation),
        "examples": [(outcome, report_data.examples(outcome, evaluation)) for outcome in measured],
        "shown": report_data.SHOWN,
        "figures": drawings(evaluation, measured),
        "attention": attention(evaluation, embedder),
        "settings": settings(evaluation),
    }


def summary(evaluation: Evaluation) -> str:
    """One sentence: how well, and measured on what."""
    first = next(iter(evaluation.outcomes.values()))
    result = first.result
    if not result.queries:
        return f"Measured on {evaluation.data.name}: no query has a true match in the gallery."
    rank1, precision = result.metrics["rank1"], result.metrics["mAP"]
    asked, sought = counted(result.queries, "query", "queries"), counted(result.gallery, "chip")
    return (
        f"Measured on {evaluation.data.name}, {first.title}, {asked} against a gallery of "
        f"{sought}: the nearest chip "
        f"is the same {evaluation.data.subject} for {percent(rank1.value)} % of the queries, at a "
        "mean average "
        f"precision of {percent(precision.value)} % (95 % interval {percent(precision.low)} to "
        f"{percent(precision.high)} %)."
    )


def drawings(evaluation: Evaluation, measured: list[ProtocolOutcome]) -> dict[str, object]:
    """The SVG drawings; those without data are absent."""
    found: dict[str, object] = {}
    if measured:
        found["cmc"] = Markup(figures.cmc_figure(measured, report_data.chance_curves(measured)))
    groups = report_data.distance_groups(evaluation)
    if groups:
        found["distances"] = Markup(figures.distance_figure(groups, evaluation.data.subject))
    if len(evaluation.chips) > 2:
        chosen = report_data.coloured_identities(evaluation)
        places, rows, method = report_data.plane(evaluation, chosen)
        found["map"] = Markup(figures.map_figure(places, evaluation, rows, chosen))
        found["map_method"] = f"{method}, {len(rows)} of {len(evaluation.chips)} chips"
    return found


def attention(evaluation: Evaluation, embedder: Any) -> list[dict[str, object]]:
    """A few chips beside where the model looked, as pictures; none where the model cannot tell."""
    chips = report_data.attention_chips(evaluation)
    maps = embedder.attention_maps(chips)
    shown = []
    for chip, weights in zip(chips, maps, strict=True) if maps is not None else ():
        image = thumbnails.picture(chip)
        overlaid = thumbnails.overlay(image, weights)
        shown.append({"chip": chip, "image": uri(image), "overlay": uri(overlaid)})
    return shown


def settings(evaluation: Evaluation) -> list[tuple[str, Mapping[str, object]]]:
    """The tables at the page's end."""
    measurement: dict[str, object] = {
        "data": f"{evaluation.data.name} ({evaluation.data.root})",
        "fingerprint of the test chips": evaluation.fingerprint,
        "seed": evaluation.seed,
        "command": evaluation.command,
    }
    return [
        ("Measurement", measurement),
        ("Model", flat(evaluation.model)),
        ("Versions", dict(evaluation.versions)),
    ]


def flat(record: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings with dotted names."""
    result: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = listed(value) if isinstance(value, list | tuple) else value
    return result


def listed(values: Sequence[object]) -> str:
    """Sentences below each other, numbers side by side."""
    separator = "\n" if any(isinstance(value, str) for value in values) else ", "
    return separator.join(map(str, values))


def short(chip: Chip) -> str:
    """What stands under a chip: its identity, or of a window its scene's last name and upper left
    corner."""
    if chip.box is None:
        return chip.identity
    return f"{chip.scene.rpartition('/')[2]} at {chip.box.top}, {chip.box.left}"


def thumbnail(chip: Chip) -> Markup:
    """The chip's picture as the value of ``src``."""
    return uri(thumbnails.picture(chip))


def uri(image: Any) -> Markup:
    """A picture as the value of ``src``, not to be escaped."""
    return Markup(thumbnails.data_uri(image))
