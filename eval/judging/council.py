"""The judge ``council:A+B+C``: the majority of judges that have judged a run already. It asks nobody and costs nothing.

Each member's verdicts stay in the run beside the council's, so that another council, or one judge alone, can be looked
at without paying again. A member that gave no label abstains. A label that more than half of the members gave counts;
where there is none for one of the three, the answer is unscored as ``judges_part``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

from dataset_builder.dataset.taxonomy import JUDGES_PART
from dataset_builder.errors import InputError
from dataset_builder.storage.files import now
from dataset_builder.wording import counted
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.judging.developers import are_kin
from eval.runs.folder import RunFolder
from eval.runs.verdict import LABELS, Verdict

JUDGE: Final = "council"
BETWEEN: Final = "+"
_MODEL: Final = "model:"
_FEWEST, _MOST = 2, 5


class Member(NamedTuple):
    """A judge with its verdicts on a run, by case."""

    name: str
    rubric: str
    verdicts: Mapping[str, Verdict]


class CouncilJudge:
    """The majority of some members, in the order of their names; ``make`` finds them in a run."""

    batch_size = 256

    def __init__(self, members: Sequence[Member], of_own_developer: Sequence[str] = ()) -> None:
        self.members = sorted(members)
        named = [f"{member.name} {member.rubric}" for member in self.members]
        self.name = f"{JUDGE}:{BETWEEN.join(member.name for member in self.members)}"
        self.rubric = f"majority-{hashlib.sha256(chr(10).join(named).encode()).hexdigest()[:12]}"
        self.settings: dict[str, Any] = {
            "members": [{"judge": member.name, "rubric": member.rubric} for member in self.members],
            **({"of_own_developer": list(of_own_developer)} if of_own_developer else {}),
            **({"meaning": _own(of_own_developer)} if of_own_developer else {}),
        }

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """The majority's verdict on each answer, in order."""
        return [self.decide(task.case.case_id, task.response.response_hash) for task in tasks]

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def decide(self, case_id: str, response_hash: str, without: str | None = None) -> Verdict:
        """The majority's verdict on one answer, or what it would be without the member of that name."""
        given = {m.name: m.verdicts[case_id] for m in self.members if m.name != without and case_id in m.verdicts}
        seats = len(self.members) - (without is not None)
        votes = [verdict.labels for verdict in given.values() if verdict.scored]
        labels = [majority([vote[at] for vote in votes], seats) for at in range(len(LABELS))]
        parted = None in labels
        said: dict[str, Any] = dict(zip(LABELS, labels, strict=True))
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            reasoning="; ".join(f"{name}: {_words(verdict)}" for name, verdict in given.items()),
            cost=0.0,
            judged_at=now(),
            **({"unscored_reason": JUDGES_PART} if parted else said),
        )


def majority(votes: Sequence[Hashable], seats: int) -> Any:
    """What more than half of the seats said; None where nothing is."""
    for said, count in Counter(votes).most_common(1):
        if 2 * count > seats:
            return said
    return None


def make(argument: str, options: JudgeOptions) -> CouncilJudge:
    """The council of the judges in ARGUMENT, with + between their names; a name without a kind is a model's.

    Raises InputError for too few or too many, for one that has not judged every answer of the run by one rubric, for
    two of one developer, and for one of the answering model's own developer unless the options allow that.
    """
    names = [_judge_name(name) for name in argument.split(BETWEEN)]
    if not _FEWEST <= len(names) <= _MOST or len(set(names)) < len(names):
        raise InputError(f"--judge {JUDGE}:{argument}: expected {_FEWEST} to {_MOST} judges, each once, as in A+B+C.")
    if options.run is None:
        raise InputError(f"--judge {JUDGE}:{argument}: needs a run that these judges have judged.")
    run = RunFolder.open(options.run)
    members = [_member(run, name) for name in names]
    kin = next((pair for pair in combinations(names, 2) if are_kin(*pair)), None)
    if kin is not None:
        raise InputError(
            f"--judge {JUDGE}:{argument}: {' and '.join(kin)} are of one developer, as their names tell. Take judges "
            "of different developers."
        )
    related = [name for name in names if are_kin(name, _MODEL + options.model)]
    if related and not options.own_developer:
        raise InputError(
            f"--judge {JUDGE}:{argument}: {related[0]} is of the same developer as the model that answered. Take "
            "another, or give --own-developer, which is recorded with the verdicts."
        )
    return CouncilJudge(members, related)


def _judge_name(name: str) -> str:
    name = name.strip()
    known = name in ("embedded", "encoder", "heldout", "encoder-heldout", "published") or name.startswith(
        (_MODEL, "cascade:", "human:")
    )
    return name if known or not name else _MODEL + name


def _member(run: RunFolder, name: str) -> Member:
    by_rubric: dict[str, dict[str, Verdict]] = {}
    answers = {case_id: answer for case_id, answer in run.answers.items() if answer.ok}
    for verdict in run.verdicts(name):
        answer = answers.get(verdict.case_id)
        if answer is not None and answer.response_hash == verdict.response_hash:
            by_rubric.setdefault(verdict.rubric, {})[verdict.case_id] = verdict
    whole = {rubric: held for rubric, held in by_rubric.items() if len(held) == len(answers)}
    if not whole:
        most = max(map(len, by_rubric.values()), default=0)
        missing = counted(len(answers) - most, "answer")
        raise InputError(
            f"{name or 'a judge without a name'} has not judged {missing} of {run.path}. "
            f"Have it judge them first: blind-refusal eval judge {run.path} --judge {name}"
        )
    if len(whole) > 1:
        raise InputError(f"{name} has judged {run.path} by {len(whole)} rubrics: {', '.join(sorted(whole))}.")
    rubric, verdicts = next(iter(whole.items()))
    return Member(name, rubric, verdicts)


def _words(verdict: Verdict) -> str:
    if not verdict.scored:
        return verdict.unscored_reason or ""
    more = [label for label in LABELS[1:] if getattr(verdict, label)]
    return ", ".join([str(verdict.response_type), *more])


def _own(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} is of the same developer as the model that answered"
