"""``crosswake gallery search``: where a ship has been seen, and what speaks for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosswake.cli.gallery_common import loaded, open_named, require_source
from crosswake.cli.printing import (
    make_console,
    plain_table,
    print_line,
    print_some_left_out,
)
from crosswake.cli.search import PRINTED_QUERIES, travel_text
from crosswake.core.errors import CrosswakeError
from crosswake.settings.gallery_search import GallerySearchConfig

LEAST_SHOWN = 0.05

if TYPE_CHECKING:
    import pyarrow as pa

    from crosswake.core.provenance import Origin
    from crosswake.data.reid import BadFile
    from crosswake.gallery.catalogue import Gallery
    from crosswake.gallery.search import GallerySearch, GallerySearchOptions, QueryAnswer


def run(config: GallerySearchConfig) -> int:
    """Search, print, write."""
    from crosswake.gallery.answers import gallery_search_origin
    from crosswake.gallery.search import search_gallery

    for option, source in (("--query", config.query), ("--embedding", config.embedding)):
        if source is not None:
            require_source(option, source)
    gallery = open_named(config)
    origin = gallery_search_origin(config, gallery.model.weights, gallery.version)
    refuse_other_found(config, origin)
    how = how_to_search(config, gallery)
    queries, bad = queries_of(config, gallery)
    if config.within and queries["lon"].null_count == queries.num_rows:
        raise CrosswakeError("--within: no query has a position; give --query_position LON,LAT")
    result = search_gallery(gallery, queries, how)
    write_found(config, result, origin)
    if not config.quiet:
        print_found(result)
    print_some_left_out("left out", bad)
    if not any(answer.candidates for answer in result.answers):
        raise CrosswakeError("no sighting is a candidate; widen --within, --max_speed or filters")
    for path in filter(None, (config.output, *config.table)):
        print_line(path)
    return 0


def refuse_other_found(config: GallerySearchConfig, origin: "Origin") -> None:
    """Refuse to begin where a file of others would be replaced."""
    from crosswake.core.provenance import refuse_other
    from crosswake.gallery.answers import FOUND_COLUMNS
    from crosswake.gallery.files import refuse_other_table

    refuse_other([config.output] if config.output else [], origin, config.overwrite)
    for path in config.table:
        refuse_other_table(path, FOUND_COLUMNS.names, origin, (config.overwrite, "--table"))


def how_to_search(config: GallerySearchConfig, gallery: "Gallery") -> "GallerySearchOptions":
    """How to search, by the settings, with the model's calibration."""
    from crosswake.core.provenance import file_hash
    from crosswake.core.said import say_once
    from crosswake.gallery.filters import Filters
    from crosswake.gallery.search import GallerySearchOptions
    from crosswake.retrieval.calibration import calibration_beside

    calibration = None
    if config.checkpoint:
        gallery.require_model(file_hash(config.checkpoint), config.checkpoint)
        calibration = calibration_beside(config.checkpoint)
    if calibration is None:
        why = "the model has no calibration" if config.checkpoint else "no --checkpoint is given"
        say_once(f"{why}, so there are ranks and no probabilities (crosswake calibrate)")
    start, end = config.period
    filters = Filters(
        start=start,
        end=end,
        bbox=config.box,
        length=config.lengths,
        width=config.widths,
        modality="" if config.modality == "any" else config.modality,
        sensor=config.sensor,
        ship_type=config.type,
        where=config.where,
    )
    return GallerySearchOptions(
        filters=filters,
        within_km=config.within_km,
        top=config.top,
        evidence=config,
        calibration=calibration,
        use_index=config.index,
    )


def queries_of(config: GallerySearchConfig, gallery: "Gallery") -> "tuple[pa.Table, list[BadFile]]":
    """What to look for, and the files that were left out."""
    from crosswake.gallery import queries
    from crosswake.gallery.adding import AddOptions
    from crosswake.gallery.sources import Bringing

    bad: list[BadFile] = []
    modality = "" if config.query_modality == "auto" else config.query_modality
    if config.id:
        table = queries.queries_by_id(gallery, config.id)
    elif config.embedding:
        table = queries.queries_of_embeddings(gallery, config.embedding, modality)
    else:
        assert config.query is not None
        embedded = config.query.suffix.lower() == ".parquet"
        options = AddOptions(
            how=Bringing(reading=config.reading),
            modality=config.query_modality,
            batch_size=config.batch_size,
            strict=config.strict,
            quiet=config.quiet,
        )
        model = None if embedded else loaded(config.checkpoint, config)
        table, bad = queries.queries_of_images(gallery, config.query, model, options)
    said = queries.QueryFacts(time=config.query_moment, position=config.position)
    return queries.with_said(table, said), bad


def write_found(config: GallerySearchConfig, result: "GallerySearch", origin: "Origin") -> None:
    """The page and the tables."""
    from crosswake.gallery.answers import found_table, write_found_page
    from crosswake.gallery.files import write_sightings

    if config.output:
        write_found_page(config.output, result, origin)
    for path in config.table:
        write_sightings(path, [found_table(result)], origin, "--table")


def print_found(result: "GallerySearch") -> None:
    """What the filters left, and a table for each of the first queries."""
    from crosswake.core.text import counted

    console = make_console()
    left = "".join(f"; {name}: {count:,} left" for name, count in result.steps.items())
    console.print(f"{counted(result.there, 'sighting')} in the gallery{left}")
    console.print(result.rule)
    for number, answer in enumerate(result.answers):
        if number == PRINTED_QUERIES:
            rest = counted(len(result.answers) - number, "more query", "more queries")
            console.print(f"and {rest}; page and tables have them")
            break
        console.print(answer_table(answer, result.calibrated))
        if answer.not_there is not None:
            console.print(f"not in this gallery: {answer.not_there:.1%}")


def answer_table(answer: "QueryAnswer", calibrated: bool) -> Any:
    """The candidates of one query."""
    from crosswake.gallery.evidence import EVIDENCE

    query = answer.query
    steps = "".join(f"; {name}: {count:,} left" for name, count in answer.steps.items())
    names = [query.get("name"), query.get("modality"), query.get("band")]
    title = " ".join(filter(None, (query_name(query), *names)))
    kinds = EVIDENCE if calibrated else EVIDENCE[1:]
    heads = (*(("probability",) if calibrated else ()), "cosine", *kinds)
    table = plain_table(f"{title}{steps}", "rank", heads)
    for head in ("modality", "time", "travel", "ship", "judged", "id"):
        table.add_column(head)
    for one in answer.candidates:
        cells = [f"{one['probability']:.1%}"] if calibrated and one["probability"] else []
        cells += ["-"] if calibrated and not cells else []
        cells += [f"{one['cosine']:.4f}", *(ratio_text(one[kind]) for kind in kinds)]
        modality = " ".join(filter(None, (one["modality"], one["band"])))
        time = "" if one["time"] is None else f"{one['time']:%Y-%m-%d %H:%M}"
        words = (one["name"], one["mmsi"] or one["identity"], one["ship_type"])
        ship = ", ".join(filter(None, words))
        cells += [modality, time, travel_text(one), ship, one["judged"] or "", one["id"][:12]]
        table.add_row(str(one["rank"]), *cells)
    return table


def query_name(query: Any) -> str:
    """How a query is called: by its file, else by its id."""
    return Path(query["path"]).name if query.get("path") else str(query["id"])[:32]


def ratio_text(value: float | None) -> str:
    """A log ratio with its sign; 0 where it says nothing."""
    return "0" if value is None or abs(value) < LEAST_SHOWN else f"{value:+.1f}"
