"""``crosswake gallery create``: an empty gallery."""

from pathlib import Path

from crosswake.cli.gallery_common import loaded
from crosswake.cli.printing import print_line
from crosswake.settings.gallery import CreateConfig


def run(config: CreateConfig) -> int:
    """Load the model to see what it gives; make the gallery."""
    from crosswake.core.provenance import file_hash
    from crosswake.gallery.catalogue import GalleryModel, create_gallery

    embedder = loaded(config.checkpoint, config)
    assert embedder is not None
    model = GalleryModel(
        weights=file_hash(Path(embedder.source)),
        width=embedder.width,
        checkpoint=str(config.checkpoint),
    )
    create_gallery(config.gallery, model, config.storage_options)
    if not config.quiet:
        print_line(f"an empty gallery for embeddings of {model.width} numbers: {config.gallery}")
    return 0
