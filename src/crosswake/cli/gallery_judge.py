"""``crosswake gallery judge``: what a person found."""

from pathlib import Path
from typing import TYPE_CHECKING

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import print_line
from crosswake.core.text import counted
from crosswake.settings.gallery import JudgeConfig

if TYPE_CHECKING:
    from crosswake.gallery.catalogue import Gallery


def run(config: JudgeConfig) -> int:
    """Append a judgement or take one back; or write them all."""
    from crosswake.gallery.judgements import Judgement, record_judgement, undo

    gallery = open_named(config)
    who, note = config.who or "", config.note or ""
    if config.export:
        write_judgements(gallery, config.export, config.quiet)
    elif config.undo:
        name = undo(gallery, config.undo, who, note)
        print_line(f"taken back: {config.undo} (judgement {name})")
    else:
        assert config.query and config.candidate and config.verdict
        judged = Judgement(
            query=config.query,
            candidate=config.candidate,
            verdict=config.verdict,
            who=who,
            note=note,
        )
        print_line(f"judgement {record_judgement(gallery, judged)}: {config.verdict}")
    return 0


def write_judgements(gallery: "Gallery", path: Path, quiet: bool) -> None:
    """All judgements, oldest first, with the paths of both sightings."""
    from crosswake.gallery.files import refuse_other_table, write_sightings
    from crosswake.gallery.judgements import judgements_with_paths

    table = judgements_with_paths(gallery)
    origin = {"command": "gallery judge"}
    refuse_other_table(path, table.column_names, origin, (True, "--export"))
    write_sightings(path, [table], origin, "--export")
    if not quiet:
        print_line(f"{counted(table.num_rows, 'judgement')} written")
    print_line(path)
