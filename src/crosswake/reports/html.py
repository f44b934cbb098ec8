"""Writes ``report.html``: one page that needs no other file and no network."""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, origin_text
from crosswake.core.text import counted, plain_text
from crosswake.data.check.findings import summary_lines
from crosswake.data.chips import Chip
from crosswake.models.base import ChipEmbedder
from crosswake.reports import figures, selection
from crosswake.reports.history import History, history_figure, read_history, weight_facts
from crosswake.reports.pictures import Pictures, data_uri, overlay
from crosswake.reports.summary import percent, protocol_heading, protocol_notes, rank_text
from crosswake.retrieval.protocols import METRICS
from crosswake.tasks.reid.results import METRIC_TITLES, Evaluation, ProtocolOutcome

UNKNOWN_SHIP = "unknown ship"


def write_report(path: Path, evaluation: Evaluation, embedder: ChipEmbedder) -> None:
    """Write the report; ``embedder`` gives attention maps of a few chips.

    The same evaluation gives the same page, byte for byte, on the same machine.
    """
    pictures = Pictures()
    environment = page_environment()
    environment.filters |= {
        "percent": percent,
        "thumbnail": pictures.uri,
        "short": short,
        "breakable": breakable,
        "protocol_heading": protocol_heading,
        "rank": rank_text,
    }
    template = environment.get_template("report.html.j2")
    page = template.render(
        **content(evaluation), attention=attention(evaluation, embedder, pictures)
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def page_environment() -> Environment:
    """What every page is made with: text of strangers is escaped, a missing name is an error."""
    environment = Environment(
        loader=PackageLoader("crosswake.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=seen,
    )
    environment.filters["counted"] = counted
    return environment


def seen(value: object) -> object:
    """What the template writes: text without characters that nobody sees, all else as it is."""
    return plain_text(value, kept="\n") if type(value) is str else value


def content(evaluation: Evaluation) -> dict[str, object]:
    """What the template names, but for the attention maps."""
    outcomes = list(evaluation.outcomes.values())
    measured = [outcome for outcome in outcomes if outcome.result.queries]
    weights = Path(str(evaluation.model.get("checkpoint", "")))
    history = read_history(weights)
    return {
        "evaluation": evaluation,
        "subject": evaluation.data.subject,
        "outcomes": outcomes,
        "measured": measured,
        "metrics": [(name, METRIC_TITLES[name]) for name in METRICS],
        "summary": summary(evaluation),
        "examples": [(outcome, selection.examples(outcome, evaluation)) for outcome in measured],
        "shown": selection.SHOWN,
        "figures": drawings(evaluation, measured, history),
        "history": history,
        "settings": settings(evaluation, weights, history),
        "origin": (ORIGIN_KEY, origin_text(evaluation.origin)),
        "notes": [*protocol_notes(evaluation), *summary_lines(evaluation.findings)],
    }


def summary(evaluation: Evaluation) -> str:
    """One sentence: how well, and measured on what."""
    first = next(iter(evaluation.outcomes.values()))
    result = first.result
    if not result.queries:
        return f"Measured on {evaluation.data.name}: no query has a true match in the gallery."
    rank1, precision = result.metrics["rank1"], result.metrics["mAP"]
    queries, gallery = counted(result.queries, "query", "queries"), counted(result.gallery, "chip")
    return (
        f"Measured on {evaluation.data.name}, {first.title}, {queries} against a gallery of "
        f"{gallery}: the nearest chip is the same {evaluation.data.subject} for "
        f"{percent(rank1.value)} % of the queries, at a mean average precision of "
        f"{percent(precision.value)} % (95 % interval {percent(precision.low)} to "
        f"{percent(precision.high)} %)."
    )


def drawings(
    evaluation: Evaluation, measured: list[ProtocolOutcome], history: History | None
) -> dict[str, object]:
    """The SVG drawings; those without data are absent."""
    found: dict[str, object] = {}
    if history and history.rows:
        found["training"] = Markup(history_figure(history))
    if measured:
        found["cmc"] = Markup(figures.cmc_figure(measured))
    groups = selection.distance_groups(evaluation)
    if groups:
        found["distances"] = Markup(figures.distance_figure(groups, evaluation.data.subject))
    if len(evaluation.chips) > 2:
        chosen = selection.coloured_identities(evaluation)
        places, rows, method = selection.plane(evaluation, chosen)
        found["map"] = Markup(figures.map_figure(places, evaluation, rows, chosen))
        found["map_method"] = f"{method}, {len(rows)} of {len(evaluation.chips)} chips"
    return found


def attention(
    evaluation: Evaluation, embedder: ChipEmbedder, pictures: Pictures
) -> list[dict[str, object]]:
    """A few chips beside where the model looked, as pictures; none where the model cannot tell."""
    chips = selection.attention_chips(evaluation)
    maps = embedder.attention_maps(chips)
    shown: list[dict[str, object]] = []
    for chip, weights in zip(chips, maps, strict=True) if maps is not None else ():
        overlaid = data_uri(overlay(pictures.image(chip), weights))
        shown.append({"chip": chip, "image": pictures.uri(chip), "overlay": overlaid})
    return shown


def settings(
    evaluation: Evaluation, weights: Path, history: History | None
) -> list[tuple[str, Mapping[str, object]]]:
    """The tables at the page's end."""
    model = flat(evaluation.model)
    origin = {"checkpoint": model.pop("checkpoint", "")} | weight_facts(weights)
    origin["SHA-256"] = evaluation.origin.get("weights", "")
    if history:
        origin |= {"learnt from": history.data, "epoch": history.epoch}
    measurement: dict[str, object] = {
        "data": f"{evaluation.data.name} ({evaluation.data.root})",
        "fingerprint of the test chips": evaluation.fingerprint,
        "seed": evaluation.seed,
        "command": evaluation.command,
    }
    return [
        ("Measurement", measurement),
        ("Model", origin | model),
        ("Versions", dict(evaluation.versions)),
    ]


def flat(record: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings with dotted names."""
    result: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = spelt(value)
    return result


def spelt(value: object) -> object:
    """A setting as it is written in a file of settings; of a list, sentences stand below each other
    and numbers side by side."""
    if isinstance(value, list | tuple):
        separator = "\n" if any(isinstance(one, str) for one in value) else ", "
        return separator.join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else value


def breakable(name: str) -> Markup:
    """A name that a narrow column breaks after a full stop, slash, hyphen or underscore rather than
    within a word."""
    parts = re.split(r"(?<=[._/-])(?=\w)", plain_text(name))
    return Markup("<wbr>").join(map(escape, parts))


def short(chip: Chip) -> str:
    """The text under a chip: its identity; of a window, the last part of its scene's name and the
    upper left corner."""
    if chip.box is None:
        return chip.identity or UNKNOWN_SHIP
    return f"{chip.scene.rpartition('/')[2]} at {chip.box.top}, {chip.box.left}"
