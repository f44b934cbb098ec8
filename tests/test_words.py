import pytest

from crosswake.words import counted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((1, "scene"), "1 scene"),
        ((0, "scene"), "0 scenes"),
        ((1204, "scene"), "1,204 scenes"),
        ((1, "query", "queries"), "1 query"),
        ((2, "query", "queries"), "2 queries"),
    ],
)
def test_numbers_agree_with_their_nouns(words: tuple[int, str], said: str) -> None:
    assert counted(*words) == said
