"""The Submit page's own HTML: how to submit, what is wrong with an upload, and the row that it would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import urlencode

from dataset_builder.errors import BlindRefusalError, DataError, Problem
from eval.repository.leaderboard import HELD, BoardRow
from eval.reviews.report import PreviewRow, SubmissionReport
from eval.stats.metrics import METRIC_BY_ID
from eval.submissions.upload import MOST_BYTES
from space.intake.intake import AddedSubmission, HubIntake, Intake, LocalIntake, OpenedRequest
from space.pages.leaderboard.markup import interval, percent
from space.pages.leaderboard.state import BOARD
from space.ui.safe_text import safe, safe_attribute

MOST_SHOWN: Final = 500
# Above so many problems a count of each kind stands before the list.
_FEW: Final = 12
_COLUMNS: Final = ("discrimination", "help_rate", "control_help_rate", "engagement_rate")
_MEANS: Final = {
    "verified": "protocol kept, nothing found",
    "community": "taken, with something to know, said beside the row",
    HELD: "a person has to look first; it has no row until then",
}


def explanation(intake: Intake | None, in_space: bool) -> str:
    """How submitting works here, in a minute's reading."""
    return (
        "<p>A model gets a row by its answers: hand in a finished run, or ask for an evaluation. What a submitter "
        "computed is not used; every answer is checked, judged again and shown.</p>"
        f"<h2>Make a bundle</h2>{_making(intake)}"
        f"<h2>Hand it in</h2>{_handing_in(intake, in_space)}"
    )


def asking(intake: Intake | None, in_space: bool) -> str:
    """How an evaluation is asked for here."""
    if isinstance(intake, HubIntake) and in_space:
        return (
            "<h2>Ask for an evaluation</h2><p>A worker of the maintainers runs the model, where the limits on "
            f"providers, prices and requests a day allow it. The request becomes a pull request at {_link(intake)}.</p>"
        )
    repo = intake.repo if isinstance(intake, HubIntake) else "NS/NAME"
    return (
        "<h2>Ask for an evaluation</h2><p>The queue of requests lives in a results repository on the Hub:</p>"
        "<pre>blind-refusal eval request --model openrouter/z-ai/glm-5 "
        f"--results {safe(repo)} --dataset {safe(_dataset(intake))}</pre>"
    )


def findings(report: SubmissionReport, public: Sequence[str] = ()) -> str:
    """All that is wrong with an upload, or what it would be on the leaderboard; ``public`` says what will be seen."""
    if not report.ok:
        return problems(report.problems)
    status = str(report.status)
    parts = [
        "<h2>Preview</h2>",
        f"<p><b>Status: {safe(status)}</b>: {_MEANS.get(status, '')}.</p>",
        _list("A person has to look", report.held),
        _list("Shown beside the row", report.flags),
        _list("Remarks", report.remarks),
        *(preview(one) for one in report.rows),
    ]
    if not report.rows:
        parts.append('<p class="br-note">No judge here makes a row of it yet: it has no place to show.</p>')
    if public:
        lines = safe("\n".join(public))
        parts.append(f'<h3>What will be public</h3><div class="br-text br-panel">{lines}</div>')
    return "".join(parts)


def problems(found: Sequence[Problem], nothing: str = "Nothing was sent, and the upload is deleted.") -> str:
    """Everything that is in the way, as a table; ``nothing`` is our own word for what did not happen."""
    rows = "".join(
        f"<tr><td>{safe(one.where)}</td><td>{safe(one.what)}</td><td>{safe(one.hint)}</td></tr>"
        for one in found[:MOST_SHOWN]
    )
    more = f"<p>And {len(found) - MOST_SHOWN:,} more.</p>" if len(found) > MOST_SHOWN else ""
    count = f"{len(found):,} problem{'s' * (len(found) != 1)}"
    return (
        f"<h2>Refused: {count}</h2><p>{nothing}</p>{_kinds(found)}"
        '<div class="br-scroll br-problems" tabindex="0" role="region" aria-label="Problems">'
        '<table class="br-table br-findings">'
        '<thead><tr><th scope="col">Where</th><th scope="col">What is wrong</th><th scope="col">What to do</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{more}"
    )


def _kinds(found: Sequence[Problem]) -> str:
    """How often each problem occurs, where a long list hides that."""
    times = Counter((one.what, one.hint) for one in found)
    if len(found) <= _FEW or 2 * len(times) > len(found):
        return ""
    items = "".join(
        f"<li>{n:,} × {safe(what)}{f' ({safe(hint)})' if hint else ''}</li>"
        for (what, hint), n in times.most_common()
        if n > 1
    )
    return f"<ul>{items}</ul>"


def preview(one: PreviewRow) -> str:
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
    heads = "".join(f'<th scope="col" class="num">{escape(METRIC_BY_ID[name].title)}</th>' for name in _COLUMNS)
    place = f"place {one.row.rank} of {len(rows)}" if one.row.rank else "no place, as it has no value"
    beside = (
        f"{len(present)} present row{'s' * (len(present) != 1)}" if one.board else "no row yet: it opens this board"
    )
    same = [row for row in present if row.bundle.split("/")[1:2] == one.row.bundle.split("/")[1:2]]
    note = '<p class="br-note">An earlier run of this model is there; one of them is shown.</p>' if same else ""
    return (
        f"<h3>By {safe(one.judge)}, rubric {safe(one.rubric)}: {place}</h3>{note}"
        f'<div class="br-scroll" tabindex="0" role="region" aria-label="Preview by {safe_attribute(one.judge)}">'
        f'<table class="br-table br-preview"><caption class="br-note">Beside {beside}. Percent; for discrimination, '
        "percentage points. The lighter figures are 95 % intervals.</caption>"
        f'<thead><tr><th scope="col" class="num">Place</th><th scope="col">Model</th>{heads}</tr></thead>'
        f"<tbody>{''.join(_row(*row) for row in rows)}</tbody></table></div>"
    )


def written(done: AddedSubmission) -> str:
    """What is said after a submission to a folder: where its row is, or why it has none."""
    head = f"<h2>Submitted</h2><p>{safe(done.place)} is in the results folder."
    if done.status == HELD:
        return (
            f"{head} It is held for review, so it has no row until you let it in:</p><pre>blind-refusal eval review "
            f"RESULTS --accept {safe(done.place)} --reason …</pre>"
        )
    if not done.boards:
        return f"{head} It has no row: {safe('; '.join(done.left_out)) or 'no judge here has judged it'}.</p>"
    boards = "".join(
        f'<li><a href="./?{escape(urlencode({BOARD: board.id}), quote=True)}">The leaderboard by {safe(board.judge)}, '
        f"{board.n_cases:,} cases of {safe(board.dataset)}</a></li>"
        for board in done.boards
    )
    return f"{head} Its row stands on:</p><ul>{boards}</ul>"


def opened(done: OpenedRequest, what: str) -> str:
    """What is said after a pull request was opened; ``what`` is our own word for what is in it."""
    return (
        f'<h2>Sent</h2><p>{escape(what)}: <a href="{safe_attribute(done.url)}">{safe(done.url)}</a>, '
        f"opened by {safe(done.account)}. The maintainers check and merge it.</p>"
    )


def failed(error: BlindRefusalError) -> str:
    """An upload's error in words; one with several problems lists them all."""
    if isinstance(error, DataError) and error.problems:
        return problems(error.problems)
    return notice(error)


def not_asked(error: BlindRefusalError) -> str:
    """The same for a request."""
    if isinstance(error, DataError) and error.problems:
        return problems(error.problems, "Nothing was asked for.")
    return notice(error)


def notice(error: BlindRefusalError) -> str:
    """An error as a line."""
    return f'<p class="br-notice">{safe(str(error))}</p>'


def _is_worse(row: BoardRow, ranked_by: str, value: float, better: int) -> bool:
    found = row.metrics[ranked_by].estimate
    return found is not None and better * found < better * value


def _row(place: int | None, row: BoardRow, is_new: bool) -> str:
    cells = []
    for name in _COLUMNS:
        found = row.metrics.get(name)
        shown = "–" if found is None else percent(found.estimate) + interval(found.low, found.high)
        cells.append(f'<td class="num">{shown}</td>')
    mark = ' <span class="br-note">(this submission)</span>' if is_new else ""
    return (
        f'<tr{" class=br-new" if is_new else ""}><td class="num">{place or "–"}</td>'
        f'<th scope="row">{safe(row.model)}{mark}</th>{"".join(cells)}</tr>'
    )


def _list(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{safe(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""


def _making(intake: Intake | None) -> str:
    cases = safe(_dataset(intake))
    return (
        "<p>Run the model on the cases. <code>eval submit</code> with a folder of your own checks the run and writes "
        "its bundle: run, answers, verdicts, and their hashes. Zip the bundle's folder.</p>"
        f"<pre>blind-refusal eval run --model openrouter/z-ai/glm-5 --dataset {cases} --out runs/glm-5\n"
        f"blind-refusal eval submit runs/glm-5 --results bundles --dataset {cases}\n"
        "python -m zipfile -c bundle.zip bundles/submissions/ORGANIZATION__MODEL/RUN</pre>"
        '<p class="br-note">The last line takes the folder that <code>eval submit</code> names. Other software can '
        "write the same files: docs/submitting.md has every column.</p>"
    )


def _handing_in(intake: Intake | None, in_space: bool) -> str:
    most = f"at most {MOST_BYTES // 1024**2} MB"
    if isinstance(intake, LocalIntake):
        return (
            f"<p>Drop the zip here ({most}). You see every problem with its place, or the row that it would have "
            "beside the present ones. Nothing is written until you confirm; then it is put into the results folder "
            "that this page is served from. No account is needed, and nothing leaves this machine.</p>"
        )
    if isinstance(intake, HubIntake) and in_space:
        return (
            f"<p>Sign in, then drop the zip here ({most}). You see every problem with its place, or the row that "
            "it would have beside the present ones, and what will be public. Nothing is sent until you confirm; then a "
            f"pull request is opened at {_link(intake)} by your account. Your sign-in is used for that alone and is "
            "not stored; the upload is deleted.</p>"
        )
    if isinstance(intake, HubIntake):
        return (
            "<p>Signing in works where the Hub runs this page as a Space. Here, the same is a command, which shows "
            "what will be public and asks before it sends:</p>"
            f"<pre>blind-refusal eval submit runs/glm-5 --repo {safe(intake.repo)}</pre>"
        )
    return (
        "<p>These results are only shown. To submit here, serve a results folder with a leaderboard on this machine "
        "alone:</p><pre>blind-refusal eval submit runs/glm-5 --results results --dataset DATASET\n"
        "blind-refusal eval aggregate results --dataset DATASET\n"
        "blind-refusal space serve --dataset DATASET --results results</pre>"
    )


def _dataset(intake: Intake | None) -> str:
    if isinstance(intake, LocalIntake):
        # As this machine's user named it.
        return intake.dataset.name
    return (intake.dataset.hub_id if intake else None) or "DATASET"


def _link(intake: HubIntake) -> str:
    return f'<a href="{safe_attribute(intake.url)}">{safe(intake.repo)}</a>'
