"""``crosswake export``: a model as one file that runs without this package."""

from crosswake.cli.printing import print_line
from crosswake.cli.sources import require_there
from crosswake.settings.export import ExportConfig


def run(config: ExportConfig) -> int:
    """Export, say how well it agrees; returns the exit code."""
    from crosswake.core.progress import byte_text
    from crosswake.exporting.run import export

    if config.data is not None:
        require_there(config.data, "folder or table")
    output, agreement = export(config)
    if not config.quiet:
        print(f"{config.format}, {byte_text(output.stat().st_size)}, {agreement.line()}")
    print_line(output)
    return 0
