from pathlib import Path

import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.sources.hoss import find_layout, read_hoss
from tests.tiny import tiny_hoss


@pytest.mark.parametrize("inside", [".", "HOSS", "HOSS/HOSS"])
def test_the_layout_is_found_where_an_archive_put_it(tmp_path: Path, inside: str) -> None:
    tiny_hoss(tmp_path / inside)
    (tmp_path / "receipt.json").write_text("{}")
    assert find_layout(tmp_path) == tmp_path / inside
    assert len(read_hoss(tmp_path).train) == 24


def test_several_data_sets_are_not_guessed_between(tmp_path: Path) -> None:
    tiny_hoss(tmp_path / "a", train=2, test=2)
    tiny_hoss(tmp_path / "b", train=2, test=2)
    with pytest.raises(CrosswakeError, match=r"several data sets \(a, b\); name one"):
        find_layout(tmp_path)
