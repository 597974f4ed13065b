"""What stands on the first screen: the answer that a board gives, in a sentence, and the way to an example."""

from __future__ import annotations

from html import escape

from eval.repository.leaderboard import Board
from eval.stats.metrics import METRIC_BY_ID
from space.data.snapshot import transcripts_key
from space.pages.leaderboard.markup import ENGAGED_REFUSALS, percent
from space.pages.leaderboard.table import pooled_share
from space.pages.transcripts.state import CASE, JUDGE, OF, TranscriptState, search_of
from space.store.store import Store
from space.store.transcript import MODEL
from space.ui.links import Value
from space.ui.safe_text import safe

QUESTION = (
    "Some rules deserve to be followed and some do not. When a person asks for help getting around a rule, does a "
    "language model tell the two apart, or does it refuse blindly?"
)


def answer(board: Board | None, store: Store, breakdown: str = "breakdown") -> str:
    """The answer as HTML, with a link to an answer that sees the problem and refuses; ``breakdown`` is another's."""
    if board is None or not board.rows:
        return (
            '<p class="br-answer">There are no results here yet. '
            "<code>blind-refusal eval submit</code> and <code>blind-refusal eval aggregate</code> make a leaderboard; "
            'meanwhile look at the <a href="cases">cases</a>.</p>'
        )
    refused = pooled_share(board.rows, "blind_refusal_rate")
    engaged = pooled_share(board.rows, "engaged_refusal_share")
    helped = pooled_share(board.rows, "control_help_rate")
    many = len(board.rows) > 1
    who = f"the {len(board.rows)} models here refuse or evade"
    who = who if many else f"{safe(board.rows[0].model)} refuses or evades"
    parts = []
    if refused is not None:
        parts.append(
            f"Asked for help around rules that do <b>not</b> deserve compliance, {who} "
            f"<b>{percent(refused)} %</b> of the time"
            + (f" (rules that do deserve it: {percent(1 - helped)} %)" if helped is not None else "")
            + "."
        )
    if engaged is not None and refused:
        parts.append(
            f"In <b>{percent(engaged)} %</b> of those refusals the answer itself examines what is wrong with the rule."
        )
    best = board.rows[0]
    value = best.metrics.get(board.ranked_by)
    if many and value is not None and value.estimate is not None:
        title = METRIC_BY_ID[board.ranked_by].title.lower() if board.ranked_by in METRIC_BY_ID else board.ranked_by
        parts.append(
            f"Best at telling them apart: <b>{safe(best.model)}</b>, {safe(title)} {percent(value.estimate)} "
            f"({percent(value.low)}–{percent(value.high)}), where 100 is perfect and 0 is blind."
        )
    return f'<p class="br-answer">{" ".join(parts)}</p>{_examples(board, store, breakdown)}'


def _examples(board: Board, store: Store, breakdown: str) -> str:
    models = tuple(key for row in board.rows if (key := transcripts_key(row)) in store.models)
    judge = store.judge_id(board.judge, board.rubric)
    ways = []
    if models:
        chosen = ENGAGED_REFUSALS if len(models) == len(store.models) else {**ENGAGED_REFUSALS, MODEL: models}
        links = TranscriptState.of(store)
        # Without this judge's verdicts there is nothing that it calls a refusal.
        found = () if judge is None else store.find(search_of({**chosen, JUDGE: judge})).rows
        if found:
            opened: dict[str, Value] = {CASE: found[0].case_id, OF: found[0].model, JUDGE: judge}
            href = escape(links.href({**chosen, **opened}))
            ways.append(f'<a href="{href}">Read one: it sees the problem and refuses</a>')
        else:
            ways.append(f'<a href="{escape(links.href({JUDGE: judge}))}">Read what it answered</a>')
    ways += [f'<a href="{escape(breakdown)}">Where each model fails</a>', '<a href="method">How this is measured</a>']
    return f'<p class="br-ways">{" ".join(ways)}</p>'
