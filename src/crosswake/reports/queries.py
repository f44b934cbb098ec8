"""Writes ``queries.parquet``: what each query reached, so that others can recompute the numbers."""

from pathlib import Path
from typing import Any

from crosswake.core.files import replacing
from crosswake.core.provenance import ORIGIN_KEY, origin_text
from crosswake.tasks.reid.results import Evaluation, ProtocolOutcome


def write_queries(path: Path, evaluation: Evaluation) -> None:
    """Write a row for each query of every protocol, in the protocol's order.

    Columns: protocol, query_path, query_identity (null if unknown), query_modality, gallery_size
    (chips that it was compared with), matches (true ones among them), average_precision (null
    without a match), first_match_rank (from 1, null without one), match_ranks (of every true match,
    ascending), match_ties (for each of these, gallery chips at exactly its distance, itself among
    them).

    Average precision is the mean of 1 / rank, 2 / rank, ... over the match ranks; with ties, its
    mean over all orders of equals."""
    import pyarrow as pa
    import pyarrow.parquet

    ranks = pa.list_(pa.int32())
    schema = pa.schema(
        [
            ("protocol", pa.string()),
            ("query_path", pa.string()),
            ("query_identity", pa.string()),
            ("query_modality", pa.string()),
            ("gallery_size", pa.int32()),
            ("matches", pa.int32()),
            ("average_precision", pa.float64()),
            ("first_match_rank", pa.int32()),
            ("match_ranks", ranks),
            ("match_ties", ranks),
        ],
        metadata={ORIGIN_KEY: origin_text(evaluation.origin)},
    )
    with (
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for outcome in evaluation.outcomes.values():
            writer.write_table(pa.table(query_columns(outcome), schema=schema))


def query_columns(outcome: ProtocolOutcome) -> dict[str, list[Any]]:
    """The columns of one protocol."""
    ranking, used = outcome.result.ranking, outcome.result.ranking.used.tolist()

    def where_used(values: Any) -> list[Any]:
        pairs = zip(values.tolist(), used, strict=True)
        return [value if counts else None for value, counts in pairs]

    return {
        "protocol": [outcome.result.name] * len(used),
        "query_path": [str(chip.path) for chip in outcome.query],
        "query_identity": [chip.identity or None for chip in outcome.query],
        "query_modality": [chip.modality.label for chip in outcome.query],
        "gallery_size": ranking.compared.tolist(),
        "matches": ranking.matches.tolist(),
        "average_precision": where_used(ranking.expected_precision),
        "first_match_rank": where_used(ranking.first_match),
        "match_ranks": [[] if ranks is None else ranks for ranks in ranking.ranks],
        "match_ties": [[] if ties is None else ties for ties in ranking.equal],
    }
