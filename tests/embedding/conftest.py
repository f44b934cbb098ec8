from pathlib import Path

import pytest

from crosswake.settings.embed import EmbedConfig
from tests.tiny import tiny_hoss
from tests.tiny_models import tiny_weights


@pytest.fixture
def settings(tmp_path: Path) -> EmbedConfig:
    """A job of 40 chips in 7 parts."""
    return EmbedConfig(
        checkpoint=tiny_weights(tmp_path / "weights.pth"),
        data=tiny_hoss(tmp_path / "ships"),
        output=tmp_path / "out" / "all.parquet",
        device="cpu",
        batch_size=4,
        save_every=6,
        quiet=True,
    )
