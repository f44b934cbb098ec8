from pathlib import Path
from typing import Any

import pytest

from tests.tasks.fakes import FakeEmbedder


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Calls of the loader, which gives a stand-in for the model."""
    from crosswake.models import embedder

    calls: list[tuple[Any, ...]] = []

    def load(checkpoint: Path | str, device: str = "auto", precision: str = "fp32") -> FakeEmbedder:
        calls.append((checkpoint, device, precision))
        fake = FakeEmbedder()
        fake.source = str(checkpoint)
        return fake

    monkeypatch.setattr(embedder, "load", load)
    return calls
