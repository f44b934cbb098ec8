import pytest

from crosswake.wording import counted


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (1, "pair", "1 pair"),
        (0, "pair", "0 pairs"),
        (2, "batch", "2 batches"),
        (3, "process", "3 processes"),
        (1024, "identity", "1,024 identities"),
    ],
)
def test_counts_agree_with_their_nouns(count: int, noun: str, expected: str) -> None:
    assert counted(count, noun) == expected
