"""``crosswake gallery compact``: fewer, larger files."""

from crosswake.cli.gallery_common import open_named
from crosswake.cli.printing import print_line
from crosswake.settings.gallery import CompactConfig


def run(config: CompactConfig) -> int:
    """Compact, say what that gave."""
    from crosswake.core.text import counted
    from crosswake.gallery.contents import contents_of

    gallery = open_named(config)
    before = contents_of(gallery)["fragments"]
    gallery.compact(config.keep_hours)
    if not config.quiet:
        after = contents_of(gallery)["fragments"]
        there = counted(gallery.count(), "sighting")
        print_line(f"{there} in {counted(after, 'file')}, before in {before}")
    return 0
