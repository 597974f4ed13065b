"""The Submit page's own HTML: how to submit, what is wrong with an upload, the row that it would have, the queue."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from dataset_builder import __version__
from dataset_builder.dataset.records import Record, columns_of
from dataset_builder.dataset.tables import schema_of
from dataset_builder.errors import BlindRefusalError, DataError, Problem
from eval.repository.bundle import RESPONSES, VERDICTS
from eval.repository.folder import SUBMISSIONS, is_place
from eval.repository.leaderboard import HELD, MEANS, BoardRow
from eval.repository.requests import DONE, FAILED, RUNNING, EvalRequest
from eval.reviews.report import PreviewRow, SubmissionReport
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict
from eval.stats.metrics import METRIC_BY_ID
from eval.submissions.upload import MOST_BYTES
from space.data.called import called
from space.frame.page import SPACE, hub_address
from space.intake.intake import AddedSubmission, HubIntake, Intake, LocalIntake, OpenedRequest
from space.pages.leaderboard.state import BOARD
from space.prose.rates import rate_name
from space.ui.names import spoken
from space.ui.templates import template

MOST_SHOWN: Final = 500
MOST_REQUESTS: Final = 50
# Above so many problems a count of each kind stands before the list.
_FEW: Final = 12
_TITLES: Final = {
    name: rate_name(name)
    for name in ("discrimination", "help_rate", "control_help_rate", "engagement_rate")
}  # fmt: skip
_fill = template(
    "pages/submit/page.html.j2",
    running=RUNNING, finished=DONE, failed=FAILED, is_place=is_place, board_field=BOARD, called=called, spoken=spoken,
)  # fmt: skip


def explanation(intake: Intake | None, in_space: bool) -> Markup:
    """How submitting works here, in a minute's reading."""
    space = os.environ.get(SPACE) if in_space else None
    return _fill(
        "explanation",
        **_here(intake, in_space),
        megabytes=MOST_BYTES // 1024**2,
        space_url=f"{hub_address()}/spaces/{space}" if space else None,
        version=__version__,
        tables=(
            (RESPONSES, "A row a case.", _columns(Answer)),
            (VERDICTS, "A row for each answer and judge; may be left out.", _columns(Verdict)),
        ),
    )


def _columns(record: type[Record]) -> list[dict[str, Any]]:
    """What a reader needs to know of each column of a file."""
    kinds = schema_of(record)
    return [
        {
            "name": one.name,
            "kind": "list of strings" if one.type == list[str] else str(kinds.field(one.name).type),
            "nullable": one.nullable,
            "holds": one.description.replace("`", ""),
        }
        for one in columns_of(record)
    ]


def asking(intake: Intake | None, in_space: bool) -> Markup:
    """How an evaluation is asked for here."""
    return _fill("asking", **_here(intake, in_space))


def findings(report: SubmissionReport, public: Sequence[str] = ()) -> Markup:
    """All that is wrong with an upload, or what it would be on the leaderboard; ``public`` says what will be seen."""
    if not report.ok:
        return problems(report.problems)
    previews = [preview(one) for one in report.rows]
    meaning = MEANS[report.status] if report.status else ""
    return _fill("findings", report=report, meaning=meaning, previews=previews, public=public)


def problems(found: Sequence[Problem], nothing: str = "Nothing was sent, and the upload is deleted.") -> Markup:
    """Everything that is in the way, as a table; ``nothing`` is our own word for what did not happen."""
    times = Counter((one.what, one.hint) for one in found)
    # How often each problem occurs, where a long list hides that.
    hidden = len(found) > _FEW and 2 * len(times) <= len(found)
    kinds = [(what, hint, n) for (what, hint), n in times.most_common() if n > 1] if hidden else []
    return _fill("problems", shown=found[:MOST_SHOWN], total=len(found), kinds=kinds, nothing=nothing)


def preview(one: PreviewRow) -> Markup:
    """The row by one judge, in its place among the present ones."""
    ranked_by = one.board.ranked_by if one.board else "discrimination"
    better = METRIC_BY_ID[ranked_by].better
    value = one.row.metrics[ranked_by].estimate
    present = one.board.rows if one.board else []
    # Those that the new row passes move down by one.
    places = [
        (row.rank + (value is not None and _is_worse(row, ranked_by, value, better)) if row.rank else None, row, False)
        for row in present
    ]
    rows = sorted([*places, (one.row.rank, one.row, True)], key=lambda item: (item[0] is None, item[0], not item[2]))
    again = any(row.bundle.split("/")[1:2] == one.row.bundle.split("/")[1:2] for row in present)
    return _fill("preview", one=one, rows=rows, present=len(present), again=again, titles=_TITLES)


def written(done: AddedSubmission) -> Markup:
    """What is said after a submission to a folder: where its row is, or why it has none."""
    return _fill("written", done=done, held=done.status == HELD)


def opened(done: OpenedRequest, what: str) -> Markup:
    """What is said after a pull request was opened; ``what`` is our own word for what is in it."""
    return _fill("handed_in", done=done, what=what)


def failed(error: BlindRefusalError) -> Markup:
    """An upload's error in words; one with several problems lists them all."""
    return problems(error.problems) if isinstance(error, DataError) and error.problems else notice(error)


def not_asked(error: BlindRefusalError) -> Markup:
    """The same for a request."""
    if isinstance(error, DataError) and error.problems:
        return problems(error.problems, "Nothing was asked for.")
    return notice(error)


def notice(error: BlindRefusalError) -> Markup:
    """An error as a line."""
    return _fill("notice", error=error)


def queue_table(requests: Sequence[EvalRequest], url: str) -> Markup:
    """The newest requests as a table, with what became of each; ``url`` is the results repository's page."""
    older = max(0, len(requests) - MOST_REQUESTS)
    return _fill("queue_table", requests=requests[:MOST_REQUESTS], older=older, url=url, submissions=SUBMISSIONS)


def _is_worse(row: BoardRow, ranked_by: str, value: float, better: int) -> bool:
    found = row.metrics[ranked_by].estimate
    return found is not None and better * found < better * value


def _here(intake: Intake | None, in_space: bool) -> dict[str, Any]:
    """Where results are handed in: a local ``folder``, by sign-in in a ``space``, by command to the ``hub``, or not."""
    if isinstance(intake, LocalIntake):
        # The dataset is named as this machine's user named it.
        return {"place": "folder", "repo": None, "url": None, "dataset": intake.dataset.name}
    if isinstance(intake, HubIntake):
        place = "space" if in_space else "hub"
        return {"place": place, "repo": intake.repo, "url": intake.url, "dataset": intake.dataset.hub_id or "DATASET"}
    return {"place": None, "repo": None, "url": None, "dataset": "DATASET"}
