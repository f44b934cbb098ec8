"""``crosswake embed``: embed a folder, table or list of images into one Parquet file."""

import sys

from crosswake.cli.printing import print_left_out, print_line
from crosswake.cli.sources import require_there
from crosswake.core.text import counted, plain_text
from crosswake.settings.embed import EmbedConfig


def run(config: EmbedConfig) -> int:
    """Embed, say what is there; returns the exit code."""
    from crosswake.embedding.job import embed_archive

    require_there(config.data, "folder, table or list")
    try:
        outcome = embed_archive(config)
    except KeyboardInterrupt as error:
        advice = f"stopped; the same command goes on from {config.parts_folder}"
        raise KeyboardInterrupt(advice) from error
    print_left_out(outcome.bad_files, str(config.bad_list))
    if outcome.left_out and not outcome.bad_files:
        where = plain_text(config.bad_list)
        print(f"left out, {outcome.left_out} in all ({where} is gone)", file=sys.stderr)
    if not config.quiet:
        before = f"{counted(outcome.done_before, 'chip')} embedded before"
        line = f"{counted(outcome.rows, 'embedding')}, {before}"
        if outcome.waiting is not None:
            line += f"; the model waited for chips {outcome.waiting:.1%} of its time"
        print(line)
    print_line(outcome.output)
    return 0
