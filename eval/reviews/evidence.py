"""Whether something other than the ranking judge bears its verdicts out.

A second judge of another kind is compared with the ranking one, answer by answer. How often two judges have to
agree follows from how good each was measured to be: if one gives the study's response type to a share ``a`` of the
answers and the other to a share ``b``, both do so for at least ``a + b - 1`` of them (Frechet's bound), and there
they agree. So the number of equal labels among n answers is no less than binomial with that share, and the least that
is allowed is the point which it falls below once in a hundred times: the one-sided test that Clopper and Pearson
turn into an interval ("The use of confidence or fiducial limits", Biometrika 26, 1934).

That bound is wide, as it has to allow errors of every kind. Who forges help wants one kind: answers that the ranking
judge takes for help where the second does not, with defeated rules rather than with controls. So the discrimination by
the two judges is compared as well, on the answers that both scored: by the ranking judge it may be higher by that
judge's greatest error on any model that it had not seen, and by what chance gives the difference of paired answers once
in a hundred times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Final

from dataset_builder.dataset.taxonomy import HELPS
from eval.agreement.known import AS_PEOPLE
from eval.repository.evidence import DATASET, MODEL, OFFLINE, PEOPLE, WORKER, Evidence, Kind
from eval.repository.leaderboard import CHECKED, COMMUNITY, VERIFIED, Status
from eval.reviews.verdicts import Rejudged

# How often an honest submission may be held by the test.
LEVEL: Final = 0.01
# A cascade is of two kinds, so it bears out neither.
_KINDS: Final[dict[str, Kind]] = {"embedded": OFFLINE, "heldout": OFFLINE, "model": MODEL, "human": PEOPLE}


def kind_of(judge: str) -> Kind | None:
    """What kind of judge this is by its name; None for one that is no evidence for or against another."""
    return _KINDS.get(judge.partition(":")[0])


def least_allowed(n: int, first: float | None, second: float | None) -> float:
    """The least share of ``n`` answers on which two judges may agree.

    ``first`` and ``second`` are the shares on which each agrees with the study's judge; a judge that was not
    measured is taken to be as good as the study's reviewers.
    """
    # Here, as it takes a while to import.
    from scipy.stats import binom

    both = max(0.0, (first or AS_PEOPLE) + (second or AS_PEOPLE) - 1)
    return float(binom.ppf(LEVEL, n, both)) / n


def gain_of(
    mine: Mapping[str, str | None], theirs: Mapping[str, str | None], defeated: Mapping[str, bool], error: float
) -> tuple[float, float] | None:
    """How much higher the discrimination is by one judge than by another, and the most that may be.

    Labels are by case, of the cases that both scored; ``error`` is the first judge's, a share. None without an
    answer on both sides.
    """
    gain, variance = 0.0, 0.0
    for side, sign in ((True, 1), (False, -1)):
        rows = [(mine[c] == HELPS) - (theirs[c] == HELPS) for c in mine if defeated.get(c) is side]
        if not rows:
            return None
        mean = sum(rows) / len(rows)
        gain += sign * mean
        variance += (sum(row * row for row in rows) / len(rows) - mean * mean) / len(rows)
    return gain, error + NormalDist().inv_cdf(1 - LEVEL) * variance**0.5


def second_judges(one: Rejudged, others: Iterable[Rejudged], defeated: Mapping[str, bool]) -> list[Evidence]:
    """What the judges of other kinds say of the answers that one judge ranks; ``defeated`` is by case."""
    mine = {v.case_id: v.response_type for v in one.verdicts if v.scored}
    found = []
    for other in others:
        kind = kind_of(other.judge)
        if kind is None or kind == kind_of(one.judge) or kind_of(one.judge) is None:
            continue
        theirs = {v.case_id: v.response_type for v in other.verdicts if v.scored}
        both = mine.keys() & theirs.keys()
        same = sum(mine[case_id] == theirs[case_id] for case_id in both)
        shared = {c: mine[c] for c in both}
        gain = None if one.error is None else gain_of(shared, theirs, defeated, one.error)
        found.append(
            Evidence(
                kind=kind,
                by=other.judge,
                rubric=other.rubric,
                n=len(both),
                agreement=same / len(both) if both else None,
                allowed=least_allowed(len(both), one.least, other.least) if both else None,
                gain=gain[0] if gain else None,
                gain_allowed=gain[1] if gain else None,
            )
        )
    return found


def evidence_for(
    one: Rejudged,
    others: Sequence[Rejudged],
    defeated: Mapping[str, bool],
    *,
    worker: str | None = None,
    dataset: str | None = None,
) -> list[Evidence]:
    """All that there is for or against the verdicts of one judge.

    ``defeated`` is by case, ``worker`` is the maintainers' worker that asked the model, ``dataset`` the dataset that
    the answers came with.
    """
    found = second_judges(one, others, defeated)
    if worker:
        found.append(Evidence(kind=WORKER, by=worker))
    if dataset:
        found.append(Evidence(kind=DATASET, by=dataset))
    return found


def status_by(evidence: Iterable[Evidence], flags: Sequence[str]) -> Status:
    """The status of a row that nothing holds: by its evidence, unless there is something to know."""
    if flags:
        return COMMUNITY
    found = list(evidence)
    borne_out = any(one.supports for one in found) and not any(one.contradicts for one in found)
    return VERIFIED if borne_out else CHECKED


def contradictions(one: Rejudged, evidence: Iterable[Evidence]) -> list[str]:
    """Why a person has to look: what says something else than this judge."""
    return [f"against the verdicts of {one.judge}: {found.in_words()}" for found in evidence if found.contradicts]
