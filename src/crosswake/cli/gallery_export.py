"""``crosswake gallery export``: sightings for other programs."""

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import print_line
from crosswake.core.errors import CrosswakeError
from crosswake.settings.gallery import GalleryExportConfig


def run(config: GalleryExportConfig) -> int:
    """Write, say how many."""
    from crosswake.core.text import counted
    from crosswake.gallery.catalogue import PICTURES_APART
    from crosswake.gallery.contents import exported
    from crosswake.gallery.files import refuse_other_table, write_sightings

    gallery = open_named(config)
    if not gallery.count(config.where):
        raise CrosswakeError(f"{config.gallery}: no sighting meets this; nothing was written")
    kind = config.output.suffix.lower()
    columns = list(PICTURES_APART)
    columns += ["thumbnail"] if config.thumbnails and kind.endswith("parquet") else []
    columns += ["embedding"] if kind == ".parquet" else []
    origin = {
        "command": "gallery export",
        "weights": gallery.model.weights,
        "gallery": config.gallery,
        "version": gallery.version,
        "where": config.where,
        "thumbnails": config.thumbnails,
    }
    refuse_other_table(config.output, PICTURES_APART, origin, (config.overwrite, "--output"))
    rows = write_sightings(config.output, exported(gallery, config.where, columns), origin)
    if not config.quiet:
        print_line(f"{counted(rows, 'sighting')} written")
    print_line(config.output)
    return 0
