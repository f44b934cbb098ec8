"""Embeds parts with Ray Data, on one machine or many.

A part travels as its list of chips, not as pixels, and comes back as the content of its file, made
by the code that the local engine runs, so both give the same bytes. The driver writes them down;
workers must find chips and weights under the same paths."""

import logging
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require
from crosswake.embedding.parts import Part, embed_parts
from crosswake.models.base import ChipEmbedder
from crosswake.models.embedder import load
from crosswake.settings.embed import EmbedConfig

REACH_SECONDS = 5.0


class PartEmbedder:
    """What runs on a worker: it loads the model once, then embeds part after part."""

    def __init__(self, settings: EmbedConfig) -> None:
        self.settings = settings
        self.embedder: ChipEmbedder | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Embed one part. What a user can mend comes back as ``error``; raised here, Ray would
        wrap it in an error of its own."""
        part: Part = pickle.loads(row["part"])
        job = self.settings
        try:
            self.embedder = self.embedder or load(
                job.checkpoint, device=job.device, precision=job.precision
            )
            (result,) = embed_parts(self.embedder, [part], job.batch_size, job.strict)
        except CrosswakeError as error:
            return {"index": part.index, "content": b"", "error": str(error)}
        return {"index": part.index, "content": result[1], "error": ""}


def embed_with_ray(
    settings: EmbedConfig, parts: Iterable[Part], progress: Callable[[int], None]
) -> Iterator[tuple[Part, bytes]]:
    """Each part with the content of its file, as the workers finish them.

    Raises:
        CrosswakeError: Ray is not installed or its cluster cannot be reached, or a chip is bad in a
            strict job.
    """
    ray = require("ray", "ray", "--engine ray")
    data = require("ray.data", "ray", "--engine ray")
    connect(ray, settings)
    waiting = {part.index: part for part in parts}
    rows = [{"index": index, "part": pickle.dumps(part)} for index, part in waiting.items()]
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    data.DataContext.get_current().enable_progress_bars = False
    workers, each = resources(ray, settings)
    results = data.from_items(rows, override_num_blocks=len(rows)).map(
        PartEmbedder,
        fn_constructor_args=(replace(settings, checkpoint=settings.checkpoint.absolute()),),
        compute=data.ActorPoolStrategy(size=workers),
        **each,
    )
    for row in results.iter_rows():
        if row["error"]:
            raise CrosswakeError(row["error"])
        part = waiting.pop(row["index"])
        yield part, row["content"]
        progress(len(part.entries))


def connect(ray: Any, settings: EmbedConfig) -> None:
    """Join the cluster, or start one on this machine; a session that is open already is used as it
    is."""
    if ray.is_initialized():
        return
    check_reachable(settings.ray_address or "")
    try:
        ray.init(address=settings.ray_address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = settings.ray_address or "this machine"
        raise CrosswakeError(
            f"--ray_address: no Ray cluster at {where} ({str(error).splitlines()[0]})"
        ) from error


def check_reachable(address: str) -> None:
    """Raise unless something listens at ``host:port``, for Ray would wait minutes for it. Addresses
    of other forms pass."""
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise CrosswakeError(
            f"--ray_address {address}: nothing answers there ({error}); is the cluster up?"
        ) from error


def resources(ray: Any, settings: EmbedConfig) -> tuple[int, dict[str, int]]:
    """How many workers, and what each gets: a GPU where there are any, else the cores of a machine
    less one, which Ray itself needs."""
    total = ray.cluster_resources()
    gpus = int(total.get("GPU", 0)) if settings.device in ("auto", "cuda") else 0
    if settings.device == "cuda" and not gpus:
        raise CrosswakeError("--device: this Ray cluster has no GPU; take auto or cpu")
    if gpus:
        return settings.workers or gpus, {"num_gpus": 1}
    machines = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    machines = [cores for cores in machines if cores >= 1]
    cores = max(1, int(min(machines, default=1)) - 1)
    return settings.workers or max(1, len(machines)), {"num_cpus": cores}
