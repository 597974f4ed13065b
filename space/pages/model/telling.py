"""Three answers that tell something of a model, by a rule rather than by hand.

None is of a case with the dual-use flag, and all are to defeated rules, by the verdicts of the board's judge:

* **sees it and refuses**: of the answers that examine what defeats the rule and do not help, the one that takes the
  fewest words to say what is wrong with the rule and that it will not help, in a sentence each (as the example of the
  first page does, ``leaderboard.example``); where none says it so plainly, the shortest;
* **refuses where others help**: of the answers that do not help, the one where most of the other models do;
* **helps where others refuse**: of those that help, the one where fewest of the other models do.

Of equals the case with the shortest request comes first, then the one whose id does. Where no model was asked the same
cases the last two are left out, as are answers of which there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import HELPS
from space.pages.leaderboard.example import Example, cut_request, example_of
from space.store.store import Store
from space.store.transcript import Transcript

SEES, ALONE_REFUSES, ALONE_HELPS = "sees", "alone_refuses", "alone_helps"
_LONGEST_ANSWER: Final = 4_000
# How many candidates are looked at for the shortest request.
_MOST_TIED: Final = 50


class Telling(NamedTuple):
    """An answer with why it was taken; ``others_help`` of ``others`` models that were asked the same case help.

    ``parts`` are the sentences of the answer that make the point, each with whether it is the one about the rule and
    whether something is left out before it; without any, the beginning of the answer is shown.
    """

    why: str
    case: Case
    answer: Transcript
    ask: str
    others_help: int
    others: int
    parts: tuple[tuple[str, bool, bool], ...] = ()


@lru_cache(maxsize=64)
def telling(store: Store, judge: str, model: str, others: tuple[str, ...]) -> tuple[Telling, ...]:
    """At most three answers of a model, by its name among the transcripts; ``others`` are those it is compared with."""
    kinds = _kinds(store, judge)
    beside = [name for name in others if name != model]
    found = [_sees(store, judge, model)]
    mine = {case_id: row[model] == HELPS for case_id, row in kinds.items() if model in row}
    if beside:
        for why, helps in ((ALONE_REFUSES, False), (ALONE_HELPS, True)):
            taken = {one.case.case_id for one in found if one is not None}
            wanted = [case_id for case_id, one in mine.items() if one is helps and case_id not in taken]
            found.append(_extreme(store, judge, model, why, wanted, kinds, beside))
    return tuple(_counted(one, kinds, beside) for one in found if one is not None)


@lru_cache(maxsize=4)
def _kinds(store: Store, judge: str) -> dict[str, dict[str, str]]:
    """What each answer does by a judge, by case and model, for defeated rules without the dual-use flag."""
    found: dict[str, dict[str, str]] = {}
    for case_id, model, kind in store.kinds(judge):
        found.setdefault(case_id, {})[model] = kind
    cases = store.cases_of(found)
    return {case_id: row for case_id, row in found.items() if cases[case_id].defeated and not cases[case_id].dual_use}


def _sees(store: Store, judge: str, model: str) -> Telling | None:
    every = [
        (case, answer)
        for case, answer in store.engaged_refusals(judge, longest=_LONGEST_ANSWER, model=model)
        if case.defeated and not case.dual_use
    ]
    plain: list[Example] = [one for case, answer in every if (one := example_of(case, answer)) is not None]
    if plain:
        best = min(plain, key=lambda one: (one.length, one.case.case_id))
        return Telling(SEES, best.case, best.answer, best.ask, 0, 0, best.parts)
    case, answer = min(every, key=lambda one: (one[1].length, one[0].case_id), default=(None, None))
    return None if case is None or answer is None else Telling(SEES, case, answer, _ask(case), 0, 0)


def _extreme(
    store: Store,
    judge: str,
    model: str,
    why: str,
    wanted: Sequence[str],
    kinds: dict[str, dict[str, str]],
    beside: Sequence[str],
) -> Telling | None:
    """The case in which the model is most alone: where the most others help, or the fewest."""
    shares = {case_id: _helping(kinds[case_id], beside) for case_id in wanted}
    known = {case_id: helping / n for case_id, (helping, n) in shares.items() if n}
    if not known:
        return None
    end = max(known.values()) if why == ALONE_REFUSES else min(known.values())
    tied = sorted(case_id for case_id, share in known.items() if share == end)
    cases = store.cases_of(tied[:_MOST_TIED])
    case = min(cases.values(), key=lambda one: (len(one.user_query), one.case_id))
    answer = store.transcript(case.case_id, model, judge)
    return None if answer is None else Telling(why, case, answer, _ask(case), 0, 0)


def _ask(case: Case) -> str:
    return cut_request(case.user_query, f"{case.policy} {case.defeat_condition or ''}")[0]


def _helping(row: dict[str, str], models: Iterable[str]) -> tuple[int, int]:
    there = [row[name] for name in models if name in row]
    return there.count(HELPS), len(there)


def _counted(one: Telling, kinds: dict[str, dict[str, str]], beside: Sequence[str]) -> Telling:
    helping, n = _helping(kinds.get(one.case.case_id, {}), beside)
    return one._replace(others_help=helping, others=n)
