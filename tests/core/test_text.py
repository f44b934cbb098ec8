"""Promise: nouns agree with their numbers, and of a stranger's name every character is seen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosswake.core.text import counted, cut_short, plain_text


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


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("0008_s01c1_RGB.tif", "0008_s01c1_RGB.tif"),
        ("海神号 Нева é", "海神号 Нева é"),
        (r"C:\ships\$x_1^2", r"C:\ships\$x_1^2"),
        ("\x1b[2J\x1b]0;gone\x07", r"\x1b[2J\x1b]0;gone\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\ncrosswake: all good", r"a\ncrosswake: all good"),
        ("a\rb\tc", r"a\rb\tc"),
        ("ship\u202egnp.exe", r"ship\u202egnp.exe"),
        ("a\u2066b\u2069\u200f", r"a\u2066b\u2069\u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("bad\udce9.tif", r"bad\udce9.tif"),
        ("\x00", r"\x00"),
        ("\U000e0041", r"\U000e0041"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_is_not_seen_is_written_out(name: str, seen: str) -> None:
    assert plain_text(name) == seen


@given(st.text(alphabet=st.characters()))
def test_any_name_is_one_line_that_every_medium_takes(name: str) -> None:
    said = plain_text(name)
    assert said.encode() or not name
    assert len(said.splitlines()) <= 1
    assert not {unicodedata.category(one) for one in said} & {"Cc", "Cs", "Zl", "Zp"}
    assert plain_text(said) == said
    assert plain_text(name, kept="\n").count("\n") == name.count("\n")


def test_long_names_are_cut() -> None:
    assert cut_short("a" * 24, 24) == "a" * 24
    assert cut_short("a" * 25, 24) == "a" * 23 + "…"
    assert cut_short("\x1b" * 25, 24) == r"\x1b" * 5 + r"\x1" + "…"
