"""``crosswake gallery index``: for large galleries, with the recall measured."""

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import print_line
from crosswake.settings.gallery import IndexConfig


def run(config: IndexConfig) -> int:
    """VectorIndex, measure, say."""
    from crosswake.gallery.index import RECALL_AT, make_index
    from crosswake.gallery.search import INDEX_FROM

    index = make_index(open_named(config), config.probes, config.sample)
    if not config.quiet:
        print_line(
            f"{index.rows:,} sightings indexed; it finds {index.recall:.1%} of the true "
            f"{RECALL_AT} nearest (by {index.sample} searches, {index.probes} probes)"
        )
        if index.rows < INDEX_FROM:
            print_line(f"searches compare all of fewer than {INDEX_FROM:,}, and do not use it")
    return 0
