"""``crosswake gallery add``: more sightings."""

from crosswake.cli.gallery_common import loaded, open_named, require_source
from crosswake.cli.printing import print_line, print_some_left_out
from crosswake.core.errors import CrosswakeError
from crosswake.settings.gallery import AddConfig


def run(config: AddConfig) -> int:
    """Add, say what is there; nothing new and nothing known is an error."""
    from crosswake.core.files import replacing
    from crosswake.core.text import counted
    from crosswake.embedding.output import bad_list_content
    from crosswake.gallery.adding import AddOptions, add_source
    from crosswake.gallery.sources import Bringing

    require_source("source", config.source)
    gallery = open_named(config)
    how = Bringing(
        reading=config.reading,
        thumbnails=config.thumbnails,
        source=config.source_name or str(config.source.absolute()),
        licence=config.licence or "",
    )
    options = AddOptions(
        how=how,
        modality=config.modality,
        batch_size=config.batch_size,
        strict=config.strict,
        quiet=config.quiet,
    )
    try:
        result = add_source(gallery, config.source, loaded(config.checkpoint, config), options)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("stopped; the same command goes on from here") from error
    where = "; --bad_list FILE.csv lists all"
    if config.bad_list and result.bad_files:
        with replacing(config.bad_list, "--bad_list") as part:
            part.write_bytes(bad_list_content(result.bad_files))
        where = f" (listed in {config.bad_list})"
    print_some_left_out("left out", result.bad_files, where)
    print_some_left_out("added without their images, which cannot be read", result.without_image)
    if not result.new and not result.known:
        raise CrosswakeError(f"{config.source}: not one sighting can be added")
    if not config.quiet:
        known = f"{counted(result.known, 'sighting')} there already"
        print_line(f"{counted(result.new, 'sighting')} added, {known}; {gallery.count():,} in all")
    return 0
