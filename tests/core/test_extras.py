import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.core.extras import require


def test_what_is_missing_is_said_with_what_to_install() -> None:
    assert require("json", "export", "x").dumps([]) == "[]"
    with pytest.raises(
        CrosswakeError,
        match=r"^--engine ray needs the package nosuchray: pip install 'crosswake\[ray\]'$",
    ):
        require("nosuchray.data", "ray", "--engine ray")
