"""Whether a judge and its rubric's version are ones that this version of the project knows."""

from __future__ import annotations

from functools import cache

from dataset_builder.errors import InputError
from eval.judges.registry import JUDGES
from eval.leaderboard_schema import Leaderboard
from eval.rejudging import EMBEDDED, offline_judge
from eval.results_folder import REVIEWS
from eval.scored import PUBLISHED_RUBRIC


def unknown_judge(judge: str, rubric: str) -> str | None:
    """What is not known about it, in words; None where both are known."""
    kind = judge.partition(":")[0]
    if rubric == PUBLISHED_RUBRIC:
        return None
    if kind not in JUDGES:
        return f"judge {judge!r} is not one of {', '.join(JUDGES)}"
    current = _current(kind)
    if current is None or any(rubric == known or rubric.endswith(f"+{known}") for known in current):
        return None
    return f"judge {judge!r} judged by version {rubric!r}, which is not this version's {', '.join(current)}"


def outdated(made: Leaderboard) -> list[str]:
    """What the maintainers' offline judge judged in another version than this one, a line for each board."""
    lines = []
    for board in made.boards:
        ours = [row for row in board.rows if row.verdicts.startswith(f"{REVIEWS}/")]
        if ours and board.judge == EMBEDDED and (told := unknown_judge(board.judge, board.rubric)):
            count = f"{len(ours):,} row{'s' * (len(ours) != 1)} over {board.n_cases:,} cases of {board.dataset}"
            lines.append(f"{count}: {told}.")
    return lines


@cache
def _current(kind: str) -> tuple[str, ...] | None:
    """The versions that this installation would write; None where it does not tell."""
    if kind == EMBEDDED:
        try:
            return (offline_judge().rubric,)
        except InputError:
            return None
    if kind in ("model", "cascade"):
        from eval.judges.prompt import prompt_hash
        from eval.judges.rubric import RUBRIC_VERSION

        plain = f"{RUBRIC_VERSION}-{prompt_hash()[:12]}"
        return plain, f"{plain}+reasoning"
    return None
