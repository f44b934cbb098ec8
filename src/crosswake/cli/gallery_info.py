"""``crosswake gallery info``: what a gallery holds."""

import json
from typing import Any

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import make_console, plain_table
from crosswake.settings.gallery import InfoConfig


def run(config: InfoConfig) -> int:
    """Count, print, write."""
    from crosswake.core.files import replacing
    from crosswake.core.provenance import ORIGIN_KEY, refuse_other
    from crosswake.gallery.contents import contents_of

    found = contents_of(open_named(config))
    if config.json:
        origin = {"command": "gallery info", "gallery": config.gallery}
        refuse_other([config.json], origin, True, "--json")
        with replacing(config.json, "--json") as part:
            text = json.dumps({ORIGIN_KEY: origin} | found, indent=2)
            part.write_text(text + "\n", encoding="utf-8")
    if not config.quiet:
        print_contents(found)
    return 0


def print_contents(found: dict[str, Any]) -> None:
    """A table of what is there."""
    from crosswake.core.progress import byte_text
    from crosswake.core.text import counted

    table = plain_table(str(found["gallery"]), "what")
    table.add_column("")
    model, index, judged = found["model"], found["index"], found["judgements"]
    known = ", ".join(f"{name} of {count:,}" for name, count in found["known"].items() if count)
    west, east, south, north = found["region"]
    region = "" if west is None else f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"
    rows = {
        "sightings": f"{found['sightings']:,}, with {counted(found['identities'], 'identity')}",
        "modality": counted_text(found["modality"]),
        "sensor": counted_text(found["sensor"]),
        "ship type": counted_text(found["ship_type"]),
        "known": known,
        "period": " to ".join(filter(None, found["period"])),
        "region": region,
        "model": f"{model['checkpoint']} ({model['weights'][:12]}), {model['width']} numbers",
        "index": "none" if index is None else f"recall {index['recall']:.1%}",
        "judgements": f"{judged['in_force']} in force, {judged['all']} rows",
        "size": f"{byte_text(found['bytes'])} in {counted(found['fragments'], 'file')}",
        "made": f"{found['created']}, version {found['version']}",
    }
    for name, text in rows.items():
        table.add_row(name, text or "none known")
    make_console().print(table)


def counted_text(counts: dict[str, int]) -> str:
    """``sar 120, optical 80``; of many only the first."""
    from crosswake.gallery.contents import MOST_TYPES

    first = list(counts.items())[:MOST_TYPES]
    rest = [f"{len(counts) - MOST_TYPES} more"] if len(counts) > MOST_TYPES else []
    return ", ".join([*(f"{name} {count:,}" for name, count in first), *rest])
