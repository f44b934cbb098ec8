"""Promises of the measurement of judgements: which pairs are judged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judgements import choose, cross_pairs, even_odds, split_ships

Told = list[tuple[float, bool]]


def rows_of(ships: int, of: str = "train") -> list[dict[str, str]]:
    return [
        {"identity": f"{ship:03d}", "modality": modality, "split": of, "path": f"{ship}{modality}"}
        for ship in range(ships)
        for modality in ("optical", "sar")
    ]


def test_every_training_ship_is_in_one_pool() -> None:
    pools = split_ships([*rows_of(40), *rows_of(3, "query")], 0)
    parts = [{row["identity"] for row in part} for part in vars(pools).values()]
    assert [len(part) for part in parts] == [14, 6, 20]
    assert len(set.union(*parts)) == 40


def test_pairs_are_across_modalities_and_of_an_unknown_ship() -> None:
    unknown, named = rows_of(2), rows_of(3)
    found = cross_pairs(unknown, named)
    both = [*unknown, *named]
    assert len(found) == 5 * 5 - 3 * 3
    for one, other in found.tolist():
        assert (both[one]["modality"], both[other]["modality"]) == ("optical", "sar")
        assert min(one, other) < len(unknown)


@given(st.lists(st.tuples(st.floats(-1, 1, width=16), st.booleans()), min_size=2, max_size=30))
def test_even_odds_part_with_the_fewest_errors(told: Told) -> None:
    cosine = np.array([one for one, _ in told]) + np.linspace(0, 1e-6, len(told))
    same = np.array([one for _, one in told])

    def errors(edge: float) -> int:
        return int((same != (cosine > edge)).sum())

    ordered = np.sort(cosine)
    edges = [ordered[0] - 1, *((ordered[1:] + ordered[:-1]) / 2), ordered[-1] + 1]
    at = even_odds(cosine, same)
    assert min(errors(at), errors(at - 1e-9), errors(at + 1e-9)) == min(map(errors, edges))


def test_uncertain_pairs_are_those_nearest_to_even_odds() -> None:
    cosine = np.array([0.9, 0.1, 0.52, 0.48, 0.7])
    assert sorted(choose("uncertain", cosine, 0.5, 2, 0)) == [2, 3]
    assert len(set(choose("random", cosine, 0.5, 4, 0).tolist())) == 4
