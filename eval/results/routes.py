"""By which routes a run's answers came (providers behind a router, models, set-ups of a server), and rates by route.

Some routes add moderation that looks like refusal. Who answered is told by the server and written down by whoever
collected; nobody else can check it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np

from eval.repository.leaderboard import RowRoute
from eval.results.row import LeaderboardRow, leaderboard
from eval.runs.answer import Answer
from eval.scores.answers import ScoredAnswers
from eval.scores.scores import compute_scores
from eval.stats.bootstrap import RESAMPLES

COLUMNS: Final = ("provider", "served_model", "system_fingerprint")
SHOWN: Final = ("discrimination", "help_rate", "control_help_rate")
NOT_TOLD: Final = "not told"
OTHERS: Final = "others"
MOST_ROUTES: Final = 12
_LONGEST: Final = 80
# Intervals on a board are clustered by cell; a bootstrap would not be shown.
_FEW_RESAMPLES: Final = 50


def routes_of(answers: Iterable[Answer]) -> dict[str, str]:
    """The route of each answer by its case, under the same names within a run; empty where nothing is told of any.

    A route is a provider; models and set-ups come into its name where they differ. Cases that no server answered
    are left out, and all but the commonest routes are one.
    """
    told = {one.case_id: tuple(getattr(one, name) for name in COLUMNS) for one in answers}
    return _named(told)


def routes_of_columns(columns: Mapping[str, list[str | None]]) -> dict[str, str]:
    """The same for the columns ``case_id`` and ``COLUMNS`` of a table."""
    rows = zip(*(columns[name] for name in COLUMNS), strict=True)
    return _named(dict(zip(map(str, columns["case_id"]), rows, strict=True)))


def shares(routes: Mapping[str, str]) -> list[tuple[str, int, float]]:
    """Each route with its answers and their share, the commonest first."""
    counts = sorted(Counter(routes.values()).items(), key=lambda item: (-item[1], item[0]))
    return [(name, n, n / len(routes)) for name, n in counts]


def served_by(routes: Mapping[str, str]) -> str | None:
    """The routes by share in words, such as ``served by A 90.0 %, B 10.0 %``; None where nothing is told."""
    listed = ", ".join(f"{name} {100 * share:.1f} %" for name, _, share in shares(routes))
    return f"served by {listed}" if listed else None


def scores_by_route(
    answers: ScoredAnswers, routes: Mapping[str, str], *, resamples: int = RESAMPLES
) -> dict[str, LeaderboardRow]:
    """The rates of each route on the cases that it answered; empty where all came by one."""
    found = {}
    for name, _, _ in shares(routes) if len(set(routes.values())) > 1 else ():
        rows = [place for place, case_id in enumerate(answers.cases.ids) if routes.get(case_id) == name]
        if rows:
            part = answers.subset(np.array(rows, np.int64))
            found[name] = leaderboard(compute_scores([part], by=(), resamples=resamples, threads=1))[0]
    return found


def row_routes(answers: ScoredAnswers, routes: Mapping[str, str]) -> list[RowRoute]:
    """The routes as a row of a leaderboard shows them; with rates where there are several."""
    rated = scores_by_route(answers, routes, resamples=_FEW_RESAMPLES)
    plain = {"bootstrap_low": None, "bootstrap_high": None}
    return [
        RowRoute(
            route=name,
            answers=n,
            share=round(share, 6),
            metrics={
                metric: msgspec.structs.replace(rated[name].metrics[metric], **plain)
                for metric in (SHOWN if name in rated else ())
            },
        )
        for name, n, share in shares(routes)
    ]


def _named(told: Mapping[str, tuple[str | None, ...]]) -> dict[str, str]:
    answered = {case_id: tuple(_clean(part) for part in parts) for case_id, parts in told.items() if any(parts)}
    if not answered:
        return {}
    provider, model, mark = (len({parts[place] for parts in answered.values()}) for place in range(len(COLUMNS)))
    has_provider = any(parts[0] for parts in answered.values())
    # What is the same for all tells no routes apart; marks change too often to stand beside anything else.
    used = [
        place
        for place, wanted in enumerate(
            (has_provider, model > 1 or not has_provider, mark > 1 and provider == model == 1)
        )
        if wanted
    ]
    names = {
        case_id: " ".join(part for place in used if (part := parts[place])) or NOT_TOLD
        for case_id, parts in answered.items()
    }
    common = {name for name, _ in sorted(Counter(names.values()).items(), key=lambda i: (-i[1], i[0]))[:MOST_ROUTES]}
    return {case_id: name if name in common else OTHERS for case_id, name in names.items()}


def _clean(text: str | None) -> str | None:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST] or None if text else None
