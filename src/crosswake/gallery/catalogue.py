"""The gallery: sightings with the embeddings of one model, in a table that is never half-written.

Every batch is one transaction, and a sighting whose id is there is passed over. So adding may be
interrupted at any moment, and the same sources may be brought again."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crosswake import __version__
from crosswake.core.errors import CrosswakeError
from crosswake.core.text import counted
from crosswake.data.sightings import SIGHTING_COLUMNS, sighting_schema
from crosswake.gallery.store import Store, about_of, said_of, until_committed

READ_TOGETHER = 65_536
"""Rows of a part of an answer; LanceDB's own 1024 cost more than reading them."""
SIGHTINGS, JUDGEMENTS = "sightings", "judgements"
ROW_ID = "_rowid"
"""Column by which the store finds a row again, in one version of the table."""
GALLERY_FORMAT = 1
LENGTH_TOLERANCE = 0.01
"""How far from 1 the length of an embedding in half precision may be."""
UNIQUE = {"lance-schema:unenforced-primary-key": "true"}
"""Metadata of the column by which writers at the same moment see that both bring one sighting."""
PICTURES_APART = tuple(name for name in SIGHTING_COLUMNS.names if name != "thumbnail")
"""All columns that are known of a sighting but its embedding and its picture."""
JUDGEMENT_COLUMNS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("query", pa.string()),
        pa.field("candidate", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("who", pa.string()),
        pa.field("when", pa.timestamp("us", tz="UTC")),
        pa.field("note", pa.string()),
        pa.field("undoes", pa.string()),
    ]
)
"""A row for each judgement; one that only undoes another has no query, candidate and verdict."""


@dataclass(frozen=True, kw_only=True)
class GalleryModel:
    """The model whose embeddings a gallery holds.

    Attributes:
        weights: SHA-256 of the checkpoint.
        width: numbers in an embedding.
        checkpoint: its name, for people.
    """

    weights: str
    width: int
    checkpoint: str = ""


class Gallery:
    """An open gallery. What it reads is the state at which it was opened, or its own last change.

    Args:
        store: where it lies.
        table: LanceDB's table of sightings.

    Attributes:
        model: the model of its embeddings.
        keeps: whether searches are answered from memory, see
            :func:`crosswake.gallery.left.keep_in_memory`.
        memory: what searches keep, by name, each with the version that it is of.
    """

    def __init__(self, store: Store, table: Any) -> None:
        self.store, self.table = store, table
        self.keeps = False
        self.memory: dict[str, tuple[int, Any]] = {}
        about = about_of(table.schema)
        if about.get("gallery") != GALLERY_FORMAT:
            raise CrosswakeError(
                f"{store.place}: is no gallery that this version reads; make one with crosswake "
                "gallery create"
            )
        self.model = GalleryModel(
            weights=about["weights"], width=about["width"], checkpoint=about["checkpoint"]
        )
        self.created: str = about["created"]

    @property
    def place(self) -> str:
        """Its folder or address."""
        return self.store.place

    @property
    def version(self) -> int:
        """Rises with every change."""
        return int(self.table.version)

    def count(self, where: str = "") -> int:
        """How many sightings there are, or meet a condition in SQL."""
        with said_of(self.place, "read"):
            return int(self.table.count_rows(where or None))

    def read(
        self, where: str = "", columns: Sequence[str] = PICTURES_APART, rows: bool = False
    ) -> pa.Table:
        """The sightings that meet a condition in SQL, in no particular order.

        Args:
            where: the condition; empty for all.
            columns: which; ``embedding`` and ``thumbnail`` only where they are named.
            rows: whether to add :data:`ROW_ID`.
        """
        with said_of(self.place, "read"):
            query = self.table.search().select(list(columns)).with_row_id(rows)
            query = query.where(where) if where else query
            found: pa.Table = query.to_batches(READ_TOGETHER).read_all()
            return found

    def rows(self, where: str) -> NDArray[np.int64]:
        """The row numbers of the sightings that meet a condition."""
        return np.asarray(self.read(where, [ROW_ID])[ROW_ID].to_numpy().astype(np.int64))

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """The sightings with some row numbers of this version, in no particular order."""
        with said_of(self.place, "read"):
            query = self.table.take_row_ids(list(rows)).select(list(columns)).with_row_id()
            found: pa.Table = query.to_arrow()
            return found

    def add(self, table: pa.Table) -> int:
        """Add those sightings whose id is not there, all of them or none.

        Args:
            table: :func:`crosswake.data.sightings.sighting_schema`; columns that are absent are not
                known. Of rows with one id the first counts.

        Returns:
            how many were new.

        Raises:
            CrosswakeError: an embedding has another width, is no number or not of length 1; a row
                has no id; or the gallery cannot be written. It is then as it was.
        """
        rows = checked_rows(table, self.model.width)
        if not rows.num_rows:
            return 0

        def insert() -> int:
            how = self.table.merge_insert("id").when_not_matched_insert_all()
            return int(how.execute(rows).num_inserted_rows)

        with said_of(self.place, "written"):
            return until_committed(insert)

    def delete(self, where: str) -> int:
        """Remove the sightings that meet a condition in SQL; returns how many."""
        with said_of(self.place, "written"):
            before = int(self.table.count_rows())
            until_committed(lambda: self.table.delete(where))
            return before - int(self.table.count_rows())

    def compact(self, keep_hours: float = 1.0) -> None:
        """Put small files together, drop states older than some hours, which others may still be
        reading, and bring an index up to date."""
        keep = timedelta(hours=keep_hours)
        with said_of(self.place, "written"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it is said in the docs
            until_committed(lambda: self.table.optimize(cleanup_older_than=keep))

    def require_model(self, weights: str, name: object) -> None:
        """Raise unless the gallery's embeddings are of these weights, by their SHA-256."""
        if weights != self.model.weights:
            raise CrosswakeError(
                f"{self.place}: holds embeddings of {self.model.checkpoint} "
                f"({self.model.weights[:12]}), not of {name} ({weights[:12]}); embeddings of two "
                "models do not compare: take that model, or make another gallery"
            )


def create_gallery(
    place: str | Path, model: GalleryModel, options: tuple[tuple[str, str], ...] = ()
) -> Gallery:
    """A new empty gallery.

    Raises:
        CrosswakeError: there is one, or something else, or the place cannot be written.
    """
    store = Store(place=str(place), options=options)
    if SIGHTINGS in store.names():
        raise CrosswakeError(f"{place}: there is a gallery already; add to it, or name another")
    folder = Path(store.place)
    if not store.remote and folder.exists():
        foreign = [one.name for one in folder.iterdir()] if folder.is_dir() else [folder.name]
        foreign = [name for name in foreign if name not in OWN_FOLDERS]
        if foreign:
            raise CrosswakeError(f"{place}: holds other files ({foreign[0]}); name a new folder")
    about = {
        "gallery": GALLERY_FORMAT,
        "weights": model.weights,
        "width": model.width,
        "checkpoint": model.checkpoint,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "crosswake": __version__,
    }
    schema = sighting_schema(model.width)
    schema = schema.set(0, schema.field("id").with_metadata(UNIQUE))
    store.make(JUDGEMENTS, JUDGEMENT_COLUMNS, {"gallery": GALLERY_FORMAT})
    store.make(SIGHTINGS, schema, about)  # last: a gallery that has it has all
    return open_gallery(place, options)


OWN_FOLDERS = {f"{name}.lance" for name in (SIGHTINGS, JUDGEMENTS)}


def open_gallery(place: str | Path, options: tuple[tuple[str, str], ...] = ()) -> Gallery:
    """An existing gallery.

    Args:
        place: its folder, or an address such as ``s3://bucket/gallery``.
        options: of the object store, see :class:`crosswake.gallery.store.Store`.

    Raises:
        CrosswakeError: there is none, or it cannot be read.
    """
    store = Store(place=str(place), options=options)
    if SIGHTINGS not in store.names():
        raise CrosswakeError(
            f"{place}: there is no gallery; make one with crosswake gallery create"
        )
    return Gallery(store, store.open(SIGHTINGS))


def checked_rows(table: pa.Table, width: int) -> pa.Table:
    """A table in the gallery's schema, checked: see :meth:`Gallery.add`."""
    schema = sighting_schema(width)
    unknown = set(table.column_names) - set(schema.names)
    if unknown:
        raise CrosswakeError(f"column {min(unknown)}: a gallery has no such column; drop it")
    for name in ("id", "modality", "embedding"):
        if name not in table.column_names or table[name].null_count:
            raise CrosswakeError(f"column {name}: every sighting needs it; fill it")
    check_embeddings(table, width)
    check_places(table)
    first = np.unique(np.asarray(table["id"].to_pylist(), object).astype(str), return_index=True)[1]
    rows = table.take(np.sort(first)) if len(first) < table.num_rows else table
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def check_embeddings(table: pa.Table, width: int) -> None:
    """Raise unless all embeddings have the width, and length 1."""
    column = table["embedding"]
    lengths = set(pc.list_value_length(column).unique().to_pylist())
    if lengths - {width}:
        other = min(lengths - {width})
        raise CrosswakeError(
            f"column embedding: has {counted(other, 'number')} a row, and the gallery {width}; "
            "embed with the gallery's model"
        )
    flat = np.concatenate([np.asarray(part.flatten()) for part in column.chunks] or [np.empty(0)])
    rows = flat.reshape(-1, width).astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    good = np.abs(length - 1) < LENGTH_TOLERANCE  # false also where it is not a number
    if not good.all():
        row = int(np.argmin(good))
        raise CrosswakeError(
            f"column embedding: of sighting {table['id'][row].as_py()}, and of "
            f"{counted(int((~good).sum()), 'row')} in all, is no vector of length 1 but of "
            f"{length[row]:.4g}; it is not made one, since a model gives no such vector: embed anew"
        )


def check_places(table: pa.Table) -> None:
    """Raise unless longitudes, latitudes and modalities are such."""
    for name, most in (("lon", 180), ("lat", 90)):
        if name in table.column_names:
            values = pc.fill_null(pc.cast(table[name], pa.float64()), 0.0)
            good = pc.less_equal(pc.abs(values), float(most))
            if not pc.all(good).as_py():
                bad = table.filter(pc.invert(good))[name][0].as_py()
                raise CrosswakeError(f"column {name}: {bad} is not from -{most} to {most}; mend it")
    if other := set(table["modality"].unique().to_pylist()) - {"optical", "sar"}:
        raise CrosswakeError(f"column modality: is '{min(other)}'; write optical or sar")
