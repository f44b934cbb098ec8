"""Promise: Ray Data on several nodes gives the bytes that one process gives."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import read_hoss
from crosswake.embedding.job import embed_archive
from crosswake.embedding.ray_engine import resources
from crosswake.settings.embed import EmbedConfig
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights

ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, on this machine."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    memory: dict[str, Any] = {"object_store_memory": 100 * 1024**2}
    nodes: Any = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **memory}
    )
    nodes.add_node(num_cpus=1, **memory)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_two_nodes_give_the_bytes_of_one_process(cluster: Any, tmp_path: Path) -> None:
    local = EmbedConfig(
        checkpoint=tiny_weights(tmp_path / "weights.pth"),
        data=tiny_hoss(tmp_path / "ships"),
        output=tmp_path / "local.parquet",
        device="cpu",
        batch_size=4,
        save_every=6,
        quiet=True,
    )
    chips = read_hoss(local.data).all_chips()
    chips[8].path.write_bytes(b"")
    embed_archive(local)
    spread = replace(local, output=tmp_path / "ray.parquet", engine="ray")
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    assert resources(ray, spread) == (2, {"num_cpus": 1})  # one core a node: both nodes must work
    outcome = embed_archive(spread)
    assert (outcome.rows, [bad.path for bad in outcome.bad_files]) == (39, [chips[8].path])
    assert spread.output.read_bytes() == local.output.read_bytes()
    with pytest.raises(CrosswakeError, match=chips[8].path.name):
        embed_archive(replace(spread, output=tmp_path / "strict.parquet", strict=True))
    local.checkpoint.write_bytes(local.checkpoint.read_bytes()[:1000])
    with pytest.raises(CrosswakeError, match="not a readable weight file"):
        embed_archive(replace(spread, output=tmp_path / "broken.parquet"))
