"""Embedding by PyTorch as a share of the rate of products, and the 8-bit graph beside it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.flops import embedding_flops
from benchmarks.machine import describe_machine, measure_limits
from benchmarks.record import OURS, Bench
from benchmarks.timing import Ratio, Timing, ratio
from benchmarks.turns import Ways, parts_of, rates_over, timed_beside_products
from crosswake.batches.devices import pick_device
from crosswake.batches.stores import ChipStore, decode
from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.open import open_reid
from crosswake.exporting.agreement import chips_of, generated
from crosswake.exporting.graph import write_graph
from crosswake.models.build import build_model
from crosswake.models.embedder import Embedder, load_torch
from crosswake.models.onnx import OnnxEmbedder, load_onnx
from crosswake.settings.common import Device
from crosswake.settings.model import ModelConfig

INT8 = "onnx-int8"


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """What is embedded, and how often.

    Attributes:
        checkpoint: weights; None for random ones of ``model``.
        model: the shape of the random ones.
        data: chips to embed; None for generated images.
        chips: how many.
        batch: chips in a batch.
        repeats: runs of each way, in turn.
        seed: of random weights.
        device: where PyTorch runs; the graph runs on the CPU.
    """

    checkpoint: Path | None
    model: ModelConfig
    data: Path | None
    chips: int
    batch: int
    repeats: int
    seed: int = 0
    device: Device = "cpu"


def bench_embed(settings: EmbedSettings, *, quiet: bool = True) -> tuple[Bench, str]:
    """Time the embedding of decoded chips.

    Returns:
        What was found, and why the graph was left out: empty if it was not.
    """
    embedder = embedder_of(settings)
    store = store_of(settings, embedder, quiet)
    with TemporaryDirectory() as folder:
        graph, missing = int8_of(embedder, Path(folder) / "model.onnx")
        return measured(settings, embedder, graph, store, quiet), missing


def embedder_of(settings: EmbedSettings) -> Embedder:
    """The model in fp32."""
    if settings.checkpoint is not None:
        return load_torch(settings.checkpoint, device=settings.device)
    torch.manual_seed(settings.seed)
    return Embedder(build_model(settings.model), device=pick_device(settings.device))


def store_of(settings: EmbedSettings, embedder: Embedder, quiet: bool) -> ChipStore:
    """The chips, decoded."""
    if settings.data is None:
        return generated(embedder.image_size, settings.chips)
    chips = chips_of(open_reid(settings.data), settings.chips)
    return decode(chips, embedder.image_size, sar=embedder.sar_radiometry, quiet=quiet)


def int8_of(embedder: Embedder, path: Path) -> tuple[OnnxEmbedder | None, str]:
    """The graph with 8-bit products, or None with one line that says why."""
    device = embedder.device
    if device.type != "cpu":
        return None, f"{INT8} is left out: it is for the CPU, and PyTorch runs on {device}"
    try:
        write_graph(embedder, path, "onnx-int8", {"command": "export"})
        return load_onnx(path, device="cpu"), ""
    except CrosswakeError as error:
        return None, f"{INT8} is left out: {error}"


def measured(
    settings: EmbedSettings,
    embedder: Embedder,
    graph: OnnxEmbedder | None,
    store: ChipStore,
    quiet: bool,
) -> Bench:
    """Warm up, time, and draw the curves."""
    device = str(embedder.device)

    def ways(batch: int, part: ChipStore = store) -> Ways:
        found: Ways = {OURS: lambda: embedder.embed_store(part, batch_size=batch)}
        if graph is not None:
            found[INT8] = lambda: graph.embed_store(part, batch_size=batch)
        return found

    for way in ways(settings.batch, store.rows(slice(settings.batch))).values():
        way()
    flops = embedding_flops(embedder, store) * len(store)
    timings, share = timed_beside_products(
        ways(settings.batch), flops=flops, repeats=settings.repeats, device=device, quiet=quiet
    )
    further, agreement = compared(timings)
    return Bench(
        name="embed",
        measured_on=words_of(settings, embedder, store),
        settings=record_of(settings, embedder),
        machine=describe_machine(device),
        limits=measure_limits(device),
        timings=timings,
        flops=flops,
        bytes=0.0,
        agreement=agreement,
        scaling_over="chips in a batch",
        scaling=rates_over(parts_of(settings.batch), ways, lambda _: len(store)),
        scaling_of="chips a second",
        chips=len(store),
        further={"share of float32 products in the same turn": share} | further,
    )


def compared(timings: dict[str, Timing]) -> tuple[dict[str, Ratio | float], dict[str, float]]:
    """How much faster the 8-bit graph is, and how far from PyTorch; empty without the graph."""
    if INT8 not in timings:
        return {}, {}
    cosine = float((timings[OURS].result * timings[INT8].result).sum(axis=1).min())
    return {
        f"chips a second of {INT8} over PyTorch's": ratio(timings[OURS], timings[INT8]),
        f"least cosine of {INT8} to PyTorch": cosine,
    }, {f"1 - cosine, {INT8}": 1 - cosine}


def words_of(settings: EmbedSettings, embedder: Embedder, store: ChipStore) -> str:
    """What was embedded, for people."""
    shape = embedder.model.config
    chips = "generated images" if settings.data is None else f"chips of {settings.data.name}"
    weights = "random weights" if settings.checkpoint is None else settings.checkpoint.name
    size = (
        f"{shape.image_size[0]} x {shape.image_size[1]}, width {shape.width}, depth {shape.depth}"
    )
    return f"{len(store):,} {chips}, batches of {settings.batch}; {size}, {weights}, fp32"


def record_of(settings: EmbedSettings, embedder: Embedder) -> dict[str, Any]:
    """The settings, with the shape of the model in use."""
    return asdict(settings) | {"model": asdict(embedder.model.config)}
