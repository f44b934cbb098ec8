"""Promise: a table, a manifest, a journal, a plan or a receipt that is damaged or strange is read
or refused in one line."""

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from crosswake.data.build.build import build_pairs, write_manifest
from crosswake.data.build.journal import claim, read_journal
from crosswake.data.build.plan import BuildPlan, plan_build
from crosswake.data.build.settings import BuildSettings
from crosswake.data.download.zenodo import read_receipt
from crosswake.data.sources.listing import open_listing
from crosswake.data.sources.open import open_reid
from crosswake.data.sources.optisar import read_optisar
from tests.data.making import write_hoss
from tests.data.pair_making import write_dfc23
from tests.fuzz.harness import Bounds, damaged, fuzz

TABLES = Bounds(small=150, full=2_000, seconds=10, mebibytes=512)
NOTES = Bounds(small=150, full=2_000, seconds=10, mebibytes=512)
HEAD = ("path", "identity", "modality", "split", "width_m", "height_m", "time", "lon", "lat")
STRANGE = (
    *("", " ", "0", "-1", "1e308", "-1e-308", "nan", "inf", "1e999999", "9" * 400, "1,5", "0x10"),
    *("\0", "\x1b[31m", "[/b]", "$x$", "=1+1", '"', "'", "\n", ";", "\t", "\u202e", "\ud800", "ß"),
    *("SAR", "sar ", "Optical", "radar", "train", "query", "gallery", "both", "test", "None"),
    *("../../etc/passwd", "/dev/zero", "/", ".", "~", "C:\\x", "a" * 5000, "2026-13-45", "12:00"),
    *("2026-03-01T12:30:00Z", "0009", "9.0", "1" * 30, "true", "NULL"),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-16-le", "cp437")
NOTE_KINDS = ("manifest.parquet", "journal.jsonl", "plan.json", ".hoss.json")
RECEIPT = {
    "metadata": {"license": {"id": "cc-by-4.0"}},
    "files": [
        {
            "key": "HOSS.zip",
            "size": 5,
            "checksum": "md5:" + "0" * 32,
            "links": {"self": "https://zenodo.org/x"},
        }
    ],
    "done": [["HOSS.zip", [1, 5]]],
}


def good_rows(folder: Path) -> list[list[str]]:
    """A table of the chips of a data set."""
    rows = [list(HEAD)]
    for split in ("bounding_box_train", "query", "bounding_box_test"):
        name = {"bounding_box_train": "train", "query": "query"}.get(split, "gallery")
        for path in sorted((folder / split).iterdir()):
            identity, _, tag = path.stem.split("_")
            modality = "sar" if tag == "SAR" else "optical"
            facts = ["20", "100", "2026-03-01T12:30:00Z", "3.5", "51.2"]
            rows.append([str(path), identity, modality, name, *facts])
    return rows


def strange_table(rows: list[list[str]], rng: random.Random) -> bytes:
    """The table in some dialect and encoding, with some cells that nobody expects."""
    changed = [list(row) for row in rows]
    for _ in range(rng.choice((0, 1, 1, 3, 20))):
        row = rng.choice(changed)
        if row:
            row[rng.randrange(len(row))] = rng.choice(STRANGE)
    if rng.random() < 0.2:
        rng.choice(changed).append("more")
    if rng.random() < 0.2:
        changed.insert(rng.randrange(len(changed)), [])
    if rng.random() < 0.2:
        rng.choice(changed).clear()
    text = io.StringIO()
    dialect = {
        "delimiter": rng.choice(",,,;\t|"),
        "lineterminator": rng.choice(("\n", "\r\n", "\r")),
    }
    csv.writer(text, **dialect).writerows(changed)  # type: ignore[arg-type]
    content = text.getvalue().encode(rng.choice(ENCODINGS), "replace")
    return damaged(content, rng) if rng.random() < 0.4 else content


def test_tables(tmp_path: Path) -> None:
    rows = good_rows(write_hoss(tmp_path / "ships"))

    def attempt(rng: random.Random, folder: Path) -> None:
        table = folder / rng.choice(("t.csv", "t.tsv", "t.txt", "t.CSV"))
        table.write_bytes(strange_table(rows, rng))
        if rng.random() < 0.5:
            open_reid(table)
        else:
            list(open_listing(table).entries())

    tally = fuzz("tables", attempt, tmp_path, TABLES)
    if len(TABLES.cases()) > 1:
        assert tally["refused"]
        assert tally["succeeded"]


def strange_json(value: object, rng: random.Random) -> object:
    """The value with one thing in it replaced, removed or wrapped."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            return {key: entry for key, entry in value.items() if key != name}
        return {**value, name: strange_json(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], strange_json(value[place], rng), *value[place + 1 :]]
    others: tuple[object, ...] = (
        None,
        True,
        -1,
        10**30,
        1e308,
        float("nan"),
        [],
        {},
        [[]],
        *STRANGE,
    )
    return rng.choice((*others, [value], {"a": value}))


@pytest.fixture
def plan(tmp_path: Path) -> BuildPlan:
    return plan_build([("dfc23", write_dfc23(tmp_path / "dfc23"))], BuildSettings(tile=16))


def test_notes(tmp_path: Path, plan: BuildPlan) -> None:
    out = tmp_path / "out"
    write_manifest(out, build_pairs(out, plan, quiet=True))
    good = {name: (out / name).read_bytes() for name in NOTE_KINDS[:3]}
    good[".hoss.json"] = json.dumps(RECEIPT).encode()

    def attempt(rng: random.Random, folder: Path) -> None:
        name = rng.choice(NOTE_KINDS)
        content = good[name]
        if name != "manifest.parquet" and rng.random() < 0.7:
            lines = [strange_json(json.loads(line), rng) for line in json_texts(name, content)]
            content = "\n".join(map(json.dumps, lines)).encode() + b"\n"
        if name == "manifest.parquet" or rng.random() < 0.3:
            content = damaged(content, rng)
        where = out if name == "manifest.parquet" else folder
        (where / name).write_bytes(content)
        readers: dict[str, Callable[[], object]] = {
            "manifest.parquet": lambda: read_optisar(out),
            "journal.jsonl": lambda: write_manifest(folder, build_pairs(folder, plan, quiet=True)),
            "plan.json": lambda: claim(folder, plan),
            ".hoss.json": lambda: read_receipt(folder / name),
        }
        if name == "journal.jsonl":
            (folder / "plan.json").write_bytes(good["plan.json"])
            read_journal(folder, plan)
        readers[name]()

    tally = fuzz("notes", attempt, tmp_path, NOTES)
    if len(NOTES.cases()) > 1:
        assert tally["refused"]
        assert tally["succeeded"]


def json_texts(name: str, content: bytes) -> list[bytes]:
    """The JSON texts of a file: one a line in a journal."""
    return content.splitlines() if name == "journal.jsonl" else [content]
