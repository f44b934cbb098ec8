"""``crosswake buildings score``: the contest's figures of a submission, with intervals."""

import sys
from typing import TYPE_CHECKING

from crosswake.cli.printing import make_console, plain_table, print_left_out, print_line
from crosswake.core.errors import CrosswakeError
from crosswake.settings.buildings_score import BuildingsScoreConfig

if TYPE_CHECKING:
    from crosswake.buildings.reference import Reference
    from crosswake.buildings.submission import SubmissionCheck
    from crosswake.core.provenance import Origin
    from crosswake.reports.buildings import ScoredSubmission


def run(config: BuildingsScoreConfig) -> int:
    """Score, print, write."""
    from crosswake.buildings.reference import open_reference
    from crosswake.buildings.submission import track_of_submission

    track = track_of_submission(config.submission, config.track)
    reference = open_reference(
        config.reference, track, config.split, config.heights, quiet=config.quiet
    )
    check = read_strictly(config, reference)
    origin = score_origin(config, reference)
    if config.output:
        from crosswake.reports.buildings import require_score_folder

        require_score_folder(config.output, origin, config.overwrite)
    scored = score_it(config, reference, check, origin)
    if config.output:
        from crosswake.reports.buildings import write_scores

        write_scores(config.output, scored, config.overlays, config.quiet)
    print_scores(scored, config)
    return 0


def read_strictly(config: BuildingsScoreConfig, reference: "Reference") -> "SubmissionCheck":
    """The submission.

    Raises:
        CrosswakeError: it cannot be scored; or, with --strict, has any fault.
    """
    from crosswake.buildings.submission import read_submission
    from crosswake.data.check.findings import summary_lines

    check = read_submission(
        config.submission, reference.results, reference.track, quiet=config.quiet
    )
    if config.strict and check.faults:
        line = summary_lines(check.faults)[0]
        raise CrosswakeError(f"{config.submission}: {line} (--strict takes no faults)")
    return check


def score_origin(config: BuildingsScoreConfig, reference: "Reference") -> "Origin":
    """What the results are made from."""
    from crosswake.buildings.results import results_fingerprint
    from crosswake.core.provenance import file_hash

    return {
        "command": "buildings score",
        "submission": file_hash(config.submission),
        "data": results_fingerprint(reference.results),
        "measured_on": reference.name,
        "track": reference.track,
        "draws": config.draws,
        "seed": config.seed,
        "against": file_hash(config.against) if config.against else None,
        "overlays": config.overlays,
    }


def score_it(
    config: BuildingsScoreConfig,
    reference: "Reference",
    check: "SubmissionCheck",
    origin: "Origin",
) -> "ScoredSubmission":
    """All figures, and the outcome of each tile."""
    from crosswake.buildings.measure import ScoreOptions, TileFacts, measure_facts
    from crosswake.buildings.outcomes import all_judged, best_threshold, tile_outcomes
    from crosswake.buildings.paired import fact_differences
    from crosswake.buildings.submission import read_submission
    from crosswake.reports.buildings import ScoredSubmission

    options = ScoreOptions(draws=config.draws, seed=config.seed)
    facts = TileFacts(reference.results, check.results, reference.track)
    differences = {}
    if config.against:
        other = read_submission(config.against, reference.results, reference.track)
        theirs = TileFacts(reference.results, other.results, reference.track)
        differences = dict(fact_differences(facts, theirs, options))
    threshold = best_threshold(all_judged(facts))
    return ScoredSubmission(
        reference=reference,
        check=check,
        scores=measure_facts(facts, options),
        outcomes=tuple(tile_outcomes(facts, threshold)),
        threshold=threshold,
        differences=differences,
        against=config.against,
        origin=origin,
    )


def print_scores(scored: "ScoredSubmission", config: BuildingsScoreConfig) -> None:
    """The tables, what is doubtful, and where the results are."""
    from crosswake.core.text import counted
    from crosswake.data.check.findings import summary_lines

    if not config.quiet:
        print_tables(scored)
    for line in summary_lines(scored.check.findings):
        print_line_to_stderr(f"warning: {line}")
    if missing := len(scored.scores.missing):
        count = counted(missing, "tile without height map counts", "tiles without height map count")
        print_line_to_stderr(f"warning: {count} as wrong in every pixel (the official scorer: not)")
    print_left_out(scored.reference.bad_files, "metrics.json, with --output")
    if config.output:
        print_line(f"report: {config.output / 'report.html'}")


def print_tables(scored: "ScoredSubmission") -> None:
    """All metrics, and those of classes and cities."""
    from crosswake.reports.buildings import SCORE_TITLES, interval_text, score_summary, value_text

    scores, console = scored.scores, make_console()
    console.print(score_summary(scored), style="bold")
    heads = ["value", "95 % interval"]
    heads += ["0 everywhere"] if scores.zero else []
    heads += ["difference", "paired interval"] if scored.differences else []
    table = plain_table(f"Track {scores.track}, percent and metres", "metric", heads)
    for name, title in SCORE_TITLES.items():
        if name not in scores.metrics:
            continue
        one = scores.metrics[name]
        cells = [value_text(one, name), interval_text(one, name)]
        if scores.zero:
            cells.append(value_text(scores.zero[name], name) if name in scores.zero else "")
        if difference := scored.differences.get(name):
            cells += [value_text(difference, name, True), interval_text(difference, name, True)]
        table.add_row(title, *cells)
    console.print(table)
    if len(scores.classes) > 1:
        table = plain_table("By class", "class", ("buildings", "AP", "AP50", "95 % interval"))
        for name, both in scores.by_class.items():
            ap, ap50 = value_text(both["AP"], "AP"), value_text(both["AP50"], "AP50")
            count, span = str(scores.buildings[name]), interval_text(both["AP50"], "AP50")
            table.add_row(name, count, ap, ap50, span)
        console.print(table)
    if scores.by_city:
        names = [name for name in ("AP50", "delta_1", "score") if name in scores.metrics]
        table = plain_table("By city", "city", ("tiles", *names))
        for city, figures in scores.by_city.items():
            cells = [value_text(figures[name], name) for name in names]
            table.add_row(city, str(scores.city_tiles[city]), *cells)
        console.print(table)


def print_line_to_stderr(line: str) -> None:
    """One line that may contain names."""
    from crosswake.core.text import plain_text

    print(plain_text(line), file=sys.stderr)
