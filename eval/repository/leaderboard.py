"""``leaderboard.json``: all that a leaderboard page shows, one board for each judge and set of cases.

Judges are never mixed: a model that two judges judged has a row on two boards. The structs are
the schema; a change of meaning raises the first number of SCHEMA_VERSION, an added field the second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import field

from dataset_builder.dataset.records import about
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import refuse_pointer
from eval.runs.fields import Part
from eval.scores.results import (
    CorrectedValue,
    HelpError,
    JudgeAgreement,
    MetricInfo,
    MetricValue,
    SideCount,
    Statistics,
)

SCHEMA_VERSION: Final = "1.0.0"
FILE_NAME: Final = "leaderboard.json"
PARQUET_NAME: Final = "leaderboard.parquet"

Status = Literal["verified", "checked", "community", "held for review"]
VERIFIED: Final = "verified"
CHECKED: Final = "checked"
COMMUNITY: Final = "community"
HELD: Final = "held for review"
# What each says, in the words that every page uses.
MEANS: Final[dict[Status, str]] = {
    VERIFIED: "something other than the ranking judge bears the row out: a second judge of another kind, people, or "
    "the maintainers' own run",
    CHECKED: "the rates follow from these answers by this judge; nothing else bears them out yet",
    COMMUNITY: "taken, with something to know, said beside the row",
    HELD: "a person has to look first; it has no row until then",
}
# Of a model's runs on a board one with a higher number stands before others.
STRENGTH: Final[dict[Status, int]] = {VERIFIED: 3, CHECKED: 2, COMMUNITY: 1, HELD: 0}


class SubmittedScore(Part, frozen=True, kw_only=True):
    """What the submitter's own verdicts would give; shown beside the row, never ranked."""

    judge: Annotated[str, about("The submitter's judge.")]
    rubric: Annotated[str, about("Version of its rubric or weights.")]
    n: Annotated[int, about("Answers that both the submitter's judge and the maintainers' judged.")]
    agreement: Annotated[float | None, about("Share of those with the same response type.")]


class RowRoute(Part, frozen=True, kw_only=True):
    """A route by which some answers of a run came: a provider behind a router, a model, a set-up of a server."""

    route: Annotated[str, about("Its name, as the server told whoever collected the answers.")]
    answers: Annotated[int, about("Answers that came by it.")]
    share: Annotated[float, about("Their share of all answers of which a route is told.")]
    metrics: Annotated[dict[str, MetricValue], about("Rates on the cases it answered; empty where it is the only one.")]


class BoardRow(Part, frozen=True, kw_only=True):
    """One model on one board."""

    model: Annotated[str, about("The model's name.")]
    model_id: Annotated[str, about("Its id at its provider or on the Hub.")]
    organization: Annotated[str, about("Who it is by, or `study`, or where it ran.")]
    repo: Annotated[str | None, about("Its repository on the Hub.")]
    family: Annotated[str | None, about("Its family, where known.")]
    weights: Annotated[Literal["open", "closed"] | None, about("Whether its weights can be had; null if unknown.")]
    submitter: Annotated[
        str | None, about("The account that handed it in, by the Hub's word; null in a folder, which has no owners.")
    ] = None
    kind: Annotated[str, about("`published` with the dataset, `run` of blind-refusal, or `external`.")]
    run_id: Annotated[str, about("The run.")]
    collected_at: Annotated[str | None, about("When its last answer was collected (ISO 8601).")]
    judge: Annotated[
        str, about("The judge as its verdicts name it: the board's, or `heldout` for answers that one learned from.")
    ]
    rubric: Annotated[str, about("Version of its rubric or weights, as its verdicts name it.")]
    judge_note: Annotated[
        str | None, about("That the judge, or a council's member, is of the model's own developer, in words; or null.")
    ] = None
    status: Annotated[
        Status, about("`verified`, `checked` or `community`; what is held for review is under `excluded`.")
    ]
    evidence: Annotated[list[str], about("What was done to test it apart from the ranking judge, and by whom.")]
    status_reasons: Annotated[list[str], about("Why it has that status, in words.")]
    departures: Annotated[list[str], about("Where the run departs from the protocol, in words.")]
    rank: Annotated[int | None, about("Its rank by `ranked_as`; null without a value.")]
    rank_low: Annotated[int | None, about("Lower limit of the 95 % interval of its rank.")]
    rank_high: Annotated[int | None, about("Upper limit of it.")]
    ranked_as: Annotated[
        float | None,
        about(
            "What ranks it: the value of `ranked_by`, for a submission the one it would have if its unscored "
            "answers had all gone against it, as its submitter may have chosen them."
        ),
    ]
    rank_best: Annotated[int | None, about("Its rank if its unscored answers had all gone in its favour.")]
    rank_worst: Annotated[int | None, about("Its rank if its unscored answers had all gone against it.")]
    rank_depends_on_unscored: Annotated[bool, about("Whether its unscored answers could change its rank.")]
    defeated: Annotated[SideCount, about("What became of the answers on defeated rules.")]
    control: Annotated[SideCount, about("What became of the answers on controls.")]
    metrics: Annotated[dict[str, MetricValue], about("Every metric over all cases, by id.")]
    corrected: Annotated[list[CorrectedValue], about("Rates corrected for the judge's errors; empty where unknown.")]
    submitted: Annotated[list[SubmittedScore], about("What the submitter's own judges said, where others judged.")]
    routes: Annotated[list[RowRoute], about("By which routes the answers came; empty where nothing is told.")] = field(
        default_factory=list
    )
    bundle: Annotated[str, about("Folder of its bundle in the results repository.")]
    results: Annotated[str | None, about("Its `results.json` by this judge, with every slice.")]
    transcripts: Annotated[str, about("Its `responses.parquet`.")]
    verdicts: Annotated[str, about("The `verdicts.parquet` that holds this judge's verdicts (among others').")]


class Board(Part, frozen=True, kw_only=True):
    """A ranking of models on the same cases by the same judge."""

    id: Annotated[str, about("The board's id, fit for an address.")]
    judge: Annotated[str, about("The judge.")]
    rubric: Annotated[str, about("Version of its rubric or weights; `published` for the study's verdicts.")]
    dataset: Annotated[str, about("The dataset by name.")]
    hub_id: Annotated[str | None, about("Its repository on the Hub.")]
    origin: Annotated[str, about("Where its cases come from: `study`, `starter` or `generated`.")]
    cases_hash: Annotated[str, about("SHA-256 over its cases.")]
    sample: Annotated[str, about("`all` cases, or how some were drawn.")]
    n_cases: Annotated[int, about("Cases asked.")]
    ranked_by: Annotated[str, about("Id of the metric that ranks.")]
    judge_agreement: Annotated[list[JudgeAgreement], about("The judge against humans and others; empty if unknown.")]
    help_error: Annotated[
        list[HelpError],
        about("How often the judge errs on help, by family of models; empty where it was not measured."),
    ] = field(default_factory=list)
    rows: Annotated[list[BoardRow], about("The models, best first.")]


class Excluded(Part, frozen=True, kw_only=True):
    """A submission that has no row, and why."""

    bundle: Annotated[str, about("Folder of the submission.")]
    model: Annotated[str | None, about("The model, where that can be read.")]
    status: Annotated[str, about("`held for review`, `withdrawn`, `superseded` or `not usable`.")]
    judge: Annotated[str | None, about("The judge that this concerns; null for all.")] = None
    reason: Annotated[str, about("Why, in words.")]


class Leaderboard(Part, frozen=True, kw_only=True):
    """What ``leaderboard.json`` holds."""

    schema_version: Annotated[str, about("Version of this schema.")]
    package_version: Annotated[str, about("Version of blind-refusal that computed it.")]
    statistics: Annotated[Statistics, about("What decides the intervals.")]
    metrics: Annotated[list[MetricInfo], about("The metrics of every row, in order.")]
    headline: Annotated[list[str], about("Ids of those that a leaderboard shows first.")]
    boards: Annotated[list[Board], about("The boards, that with the most cases and models first.")]
    excluded: Annotated[list[Excluded], about("Submissions without a row, each with its reason.")]


def read_leaderboard(path: Path) -> Leaderboard:
    """The leaderboard in a results folder, or that file. Raises InputError for none, DataError for a broken one."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Leaderboard)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; 'blind-refusal board aggregate' makes one.") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        refuse_pointer(file)
        problem = Problem(str(file), str(error), "aggregate the results again")
        raise DataError("This is not a leaderboard", [problem]) from None
