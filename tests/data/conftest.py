from collections.abc import Iterator

import pytest

from tests.data.download.serving import Behaviour, local_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with local_server() as behaviour:
        yield behaviour
