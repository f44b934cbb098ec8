"""``crosswake gallery delete``: some sightings leave a gallery."""

import sys

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import print_line
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.settings.gallery import DeleteConfig

EXIT_NOT_SURE = 2


def run(config: DeleteConfig) -> int:
    """Count, and with ``--yes`` remove."""
    from crosswake.gallery.judgements import whole_id
    from crosswake.gallery.store import sql_in

    gallery = open_named(config)
    ids = [whole_id(gallery, one) for one in config.id]
    where = sql_in("id", ids) if ids else config.where
    count = gallery.count(where)
    if not count:
        raise CrosswakeError(f"{config.gallery}: no sighting meets this; nothing was removed")
    if not config.yes:
        said = f"would remove {counted(count, 'sighting')} of {gallery.count():,}; add --yes"
        print(said, file=sys.stderr)
        return EXIT_NOT_SURE
    removed = gallery.delete(where)
    if not config.quiet:
        print_line(f"{counted(removed, 'sighting')} removed; {gallery.count():,} left")
    return 0
