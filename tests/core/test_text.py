import pytest

from crosswake.core.text import counted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((1, "scene"), "1 scene"),
        ((0, "scene"), "0 scenes"),
        ((1204, "scene"), "1,204 scenes"),
        ((2, "batch"), "2 batches"),
        ((3, "process"), "3 processes"),
        ((1024, "identity"), "1,024 identities"),
        ((1, "query has", "queries have"), "1 query has"),
        ((2, "query has", "queries have"), "2 queries have"),
    ],
)
def test_numbers_agree_with_their_nouns(words: tuple[int, str], said: str) -> None:
    assert counted(*words) == said
