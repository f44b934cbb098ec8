"""Exports a model: writes the graph, runs it beside PyTorch, and keeps it only if the two agree."""

from pathlib import Path

from crosswake.batches.store import ChipStore, decode
from crosswake.datasets.open import open_reid
from crosswake.errors import CrosswakeError
from crosswake.exporting.agreement import Agreement, chips_of, compare, generated
from crosswake.exporting.graph import ExportFormat, write_graph
from crosswake.models.embedder import Embedder, load_torch
from crosswake.writing import replacing

SUFFIX = {"onnx": ".onnx", "onnx-int8": "-int8.onnx", "torch-export": ".pt2"}


def export(
    checkpoint: Path,
    kind: ExportFormat,
    output: Path,
    *,
    data: Path | None = None,
    chips: int = 32,
    min_cosine: float | None = None,
    quiet: bool = True,
) -> Agreement:
    """Write ``checkpoint`` as one file that needs no other, having seen that it agrees with PyTorch.

    Args:
        checkpoint: weights as :func:`crosswake.models.embedder.load_torch` takes them.
        kind: the format.
        output: the file; it appears whole or not at all.
        data: chips to compare on, a HOSS-layout folder or CSV table; generated pictures if None.
        chips: how many of them.
        min_cosine: the least cosine that counts as agreeing; the format's own if None.
        quiet: show no progress.

    Raises:
        CrosswakeError: the weights or data cannot be read, a package is missing, or the graph does not agree.
    """
    if checkpoint.suffix.lower() == ".onnx":
        raise CrosswakeError(f"{checkpoint}: is exported already; --checkpoint names weights that PyTorch reads")
    if output.resolve() == checkpoint.resolve():
        raise CrosswakeError(f"--output: {output} is the checkpoint itself; name another file")
    embedder = load_torch(checkpoint, device="cpu")
    store, measured_on = comparison(embedder, data, chips)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as temporary:
        write_graph(embedder, temporary, kind)
        agreement = compare(embedder, temporary, kind, store, measured_on, quiet)
        agreement.require(kind, output, min_cosine)
    return agreement


def comparison(embedder: Embedder, data: Path | None, count: int) -> tuple[ChipStore, str]:
    """The chips to compare on, and what they are."""
    if data is None:
        return generated(embedder.image_size, count), "generated pictures (--data compares on chips of yours)"
    found = open_reid(data)
    chips = chips_of(found, count)
    if not chips:
        raise CrosswakeError(f"{data}: holds no chips to compare on")
    return decode(chips, embedder.image_size, sar=embedder.sar_radiometry, quiet=True), f"chips of {found.name}"


def default_output(checkpoint: Path, kind: ExportFormat) -> Path:
    """Beside the weights, under their name with the format's ending."""
    return checkpoint.with_name(checkpoint.stem + SUFFIX[kind])
