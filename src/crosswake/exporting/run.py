"""Exports a model: writes the graph, runs it beside PyTorch, and keeps it only if the two agree."""

from pathlib import Path

from crosswake.batches.stores import ChipStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.core.files import replacing
from crosswake.core.lock import only_writer
from crosswake.core.provenance import file_hash, refuse_other
from crosswake.data.sources.open import open_chips
from crosswake.exporting.agreement import Agreement, chips_of, compare_outputs, generated
from crosswake.exporting.graph import write_graph
from crosswake.models.embedder import Embedder, load_torch
from crosswake.settings.export import ExportConfig, ExportFormat

SUFFIX = {"onnx": ".onnx", "onnx-int8": "-int8.onnx", "torch-export": ".pt2"}


def export(config: ExportConfig) -> tuple[Path, Agreement]:
    """Write a model as one file that needs no other, having seen that it agrees with PyTorch.

    Returns:
        The file, which appears whole or not at all, and how well it agrees.

    Raises:
        CrosswakeError: the weights or data cannot be read, a package is missing, the output cannot
            be written, has another ending or is a file of another origin (unless ``overwrite``), or
            the graph does not agree.
    """
    if config.checkpoint.suffix.lower() == ".onnx":
        raise CrosswakeError(
            f"{config.checkpoint}: is exported already; --checkpoint names weights that PyTorch "
            "reads"
        )
    kind, output = config.format, config.output or default_output(config.checkpoint, config.format)
    check_output(output, config.checkpoint, kind)
    with only_writer(output.parent, output.name):
        weights = file_hash(config.checkpoint)
        origin = {"command": "export", "weights": weights, "format": kind}
        refuse_other([output], origin, config.overwrite)
        embedder = load_torch(config.checkpoint, device="cpu")
        store, measured_on = comparison(embedder, config.data, config.chips)
        with replacing(output) as temporary:
            write_graph(embedder, temporary, kind, origin)
            agreement = compare_outputs(embedder, temporary, kind, store, measured_on, config.quiet)
            agreement.require(kind, output, config.min_cosine)
    return output, agreement


def check_output(output: Path, checkpoint: Path, kind: ExportFormat) -> None:
    """Refuse to write over the weights, or over a file that by its name is something else."""
    ending = default_output(checkpoint, kind).suffix
    if output.resolve() == checkpoint.resolve():
        raise CrosswakeError(f"--output: {output} is the checkpoint itself; name another file")
    if output.suffix.lower() != ending:
        raise CrosswakeError(
            f"--output: {output} must end in {ending}, as a file of --format {kind} does"
        )
    if output.is_dir():
        raise CrosswakeError(f"--output: {output} is a folder; name a file")


def comparison(embedder: Embedder, data: Path | None, count: int) -> tuple[ChipStore, str]:
    """The chips to compare on, and what they are."""
    if data is None:
        return generated(
            embedder.image_size, count
        ), "generated pictures (--data compares on chips of yours)"
    found = open_chips(data)
    chips = chips_of(found, count)
    if not chips:
        raise CrosswakeError(f"{data}: holds no chips to compare on")
    return decode(
        chips, embedder.image_size, sar=embedder.sar_radiometry, quiet=True
    ), f"chips of {found.name}"


def default_output(checkpoint: Path, kind: ExportFormat) -> Path:
    """Beside the weights, under their name with the format's ending."""
    return checkpoint.with_name(checkpoint.stem + SUFFIX[kind])
