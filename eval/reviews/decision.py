"""Reviewing a submission: what the maintainers judge themselves, and what they make of the submitter's verdicts.

Rates come from verdicts that are made here on the submitted transcripts. The submitter's own are let
in only where they are the dataset's (answers that came with it), where a maintainers' judge of the same
name agrees with them on a random sample, or where the owner of a results folder says so.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.taxonomy import HELPS
from eval.agreement.known import is_in_sample
from eval.agreement.sample import sample_corrected
from eval.judging.registry import HELDOUT
from eval.repository.bundle import RESPONSES, RESULTS, VERDICTS, to_json, to_parquet
from eval.repository.evidence import DATASET, MODEL, OFFLINE, PEOPLE, Evidence
from eval.repository.folder import REVIEWS, SUBMISSIONS
from eval.repository.leaderboard import CHECKED, COMMUNITY, HELD, STRENGTH, VERIFIED, Status
from eval.repository.review import REVIEW, Audit, Review, ReviewedJudge
from eval.results.build import build_results
from eval.reviews.evidence import contradictions, evidence_for, kind_of, second_judges, status_by
from eval.reviews.verdicts import LearnedShare, Rejudged, audit, folder_of, learned_share, verdict_of
from eval.runs.published import is_published
from eval.runs.run import JudgeRecord
from eval.runs.verdict import PUBLISHED, Verdict
from eval.scores.results import Results
from eval.scores.scores import compute_scores
from eval.submissions.checks import thinned_out
from eval.submissions.likeness import FINGERPRINTS, fingerprint_bytes, sketches_of, stock_help_found
from eval.submissions.published import bundles_of_dataset
from eval.submissions.submission import Submission, read_submission

_UNSEEN: Final = "the embedded judge learned from these answers, so they are judged by weights that did not"


@dataclass(frozen=True)
class MadeReview:
    """A review with the files of its folder and the scores by each judge that it made itself."""

    review: Review
    files: dict[str, bytes]
    results: dict[tuple[str, str], Results]


def review_submission(
    submission: Submission,
    dataset: OpenedDataset,
    rejudged: Sequence[Rejudged],
    *,
    flags: Sequence[str] = (),
    held: Sequence[str] = (),
    adopt: bool = False,
    seed: int | None = None,
    at: str | None = None,
    accept: str | None = None,
    before: Review | None = None,
    submitter: str | None = None,
    collected_by: str | None = None,
) -> MadeReview:
    """Review a submission that passed the checks.

    ``rejudged`` are the maintainers' verdicts, the offline judge's first. ``flags`` and ``held`` are
    findings of the checks that make it `community`, or hold it. ``adopt`` lets the submitter's own
    verdicts in beside ours. ``seed`` draws the audit's sample (default: at random, and recorded).
    ``accept`` is why a person lets in what would be held; ``before`` is an earlier review of the same
    content, whose decision of a person stays, and what it says of who asked the model. ``submitter`` is the account
    that handed it in; ``collected_by`` is the maintainers' worker that asked it, None where a submitter did.
    """
    seed = secrets.randbits(32) if seed is None else seed
    at = at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    accept = accept if accept is not None or before is None else before.accepted
    flags = list(dict.fromkeys([*flags, *submission.departures]))
    held = list(held)
    collected_by = collected_by or (before.collected_by if before else None)
    judges: list[ReviewedJudge] = []
    scored: dict[tuple[str, str], Results] = {}
    published = submission.bundle.kind == PUBLISHED
    learned = None if published else learned_share(submission)
    if published:
        judge, problem = _published(submission, dataset)
        judges += [judge] if judge else []
        held += [problem] if problem else []
    elif learned is not None:
        model = submission.bundle.model
        if is_published(model.id) and is_published(model.name):
            flags.append(_in_sample(learned, "the study's own answers, run again from the dataset"))
        else:
            held.append(_in_sample(learned, "word for word the study's own, under another name"))
    if rejudged and not published:
        helps = {verdict.case_id for verdict in rejudged[0].verdicts if verdict.response_type == HELPS}
        held += stock_help_found(submission.marks(dataset), helps)
        held += thinned_out(submission, dataset, rejudged[0].verdicts)
    defeated = {case_id: case.defeated for case_id, case in dataset.built.case_by_id.items()}
    for number, one in enumerate(rejudged):
        held += [told] if (told := one.unlike_in_words()) and not published else []
        # Each pair of judges once.
        held += contradictions(one, second_judges(one, rejudged[number + 1 :], defeated))
        if one.is_partial:
            # Too few answers for rates; what it says of the others' verdicts stands beside theirs.
            continue
        others = [other for other in rejudged if other is not one]
        came_with = _plain_name(dataset) if published else None
        evidence = evidence_for(one, others, defeated, worker=collected_by, dataset=came_with)
        info = JudgeRecord(judge=one.judge, rubric=one.rubric, settings=one.settings)
        labelled = _labelled_by(one, others)
        made = one.results if labelled is None else None
        made = made or _results(submission, dataset, one.verdicts, info, labelled)
        scored[one.judge, one.rubric] = made
        reasons = [_UNSEEN] if one.judge == HELDOUT else []
        place = _results_path(submission, one.judge, one.rubric)
        judges.append(
            ReviewedJudge(
                judge=one.judge,
                rubric=one.rubric,
                adopted=False,
                status=status_by(evidence, flags),
                reasons=reasons,
                evidence=evidence,
                judge_agreement=one.agreement,
                corrected=made.corrected,
                results=place,
            )
        )
    audits = [] if published else _audits(submission, rejudged, seed)
    known = {(one.judge, one.rubric): one for one in rejudged}
    for theirs in [] if published else submission.bundle.judges:
        who = theirs.judge, theirs.rubric
        found = next((a for a in audits if (a.judge, a.rubric) == who), None)
        status: Status = COMMUNITY
        reason = "the submitter's own verdicts, which nobody has made again"
        if found is not None:
            repeatable = who in known and known[who].repeatable
            status, reason = verdict_of(found, repeatable=repeatable)
        if status == HELD:
            held.append(reason)
        elif who not in known and adopt and not (learned and is_in_sample(theirs.judge)):
            # The scores too are made here; the submitter's results.json is never read.
            scored[who] = _results(submission, dataset, submission.verdicts_of(*who), theirs)
            judges.append(
                ReviewedJudge(
                    judge=theirs.judge,
                    rubric=theirs.rubric,
                    adopted=True,
                    status=COMMUNITY if flags else status,
                    reasons=[reason],
                    results=_results_path(submission, *who),
                )
            )
    if held and accept is not None:
        flags = [*(f"a person let this in ({accept}): {reason}" for reason in held), *flags]
        held = []
        judges = [msgspec.structs.replace(one, status=COMMUNITY) for one in judges]
    base: Status = COMMUNITY if flags else CHECKED
    strongest = max((one.status for one in judges), key=STRENGTH.__getitem__, default=base)
    overall: Status = HELD if held else strongest
    # Without their time: judging again must not change a byte.
    timeless = (msgspec.structs.replace(v, judged_at=None) for one in rejudged for v in one.verdicts)
    content = sorted(timeless, key=lambda v: v.key)
    verdicts = to_parquet(Verdict, content) if content else None
    review = Review(
        bundle_sha256=submission.bundle_sha256,
        cases_hash=submission.bundle.dataset.cases_hash,
        status=overall,
        reasons=[*held, *flags],
        judges=judges,
        audits=audits,
        reviewed_at=at,
        first_reviewed_at=before.first_reviewed_at if before else at,
        collected_by=collected_by,
        accepted=accept,
        package_version=__version__,
        submitter=submitter,
        verdicts_sha256=None if verdicts is None else hashlib.sha256(verdicts).hexdigest(),
    )
    files = {
        REVIEW: to_json(review),
        **{f"{folder_of(*who)}/{RESULTS}": results.to_json() for who, results in scored.items()},
        FINGERPRINTS: fingerprint_bytes(sketches_of(submission.marks(dataset))),
    }
    return MadeReview(review, files if verdicts is None else {**files, VERDICTS: verdicts}, scored)


def _plain_name(dataset: OpenedDataset) -> str:
    """The dataset's repository, or its folder without the way to it, which is nobody else's business."""
    return dataset.hub_id or dataset.built.path.resolve().name


def _in_sample(learned: LearnedShare, whose: str) -> str:
    return (
        f"{100 * learned.share:.0f} % of the answers are {whose} (models of the family {learned.family}); they are "
        "judged by weights that did not learn from them"
    )


def _results_path(submission: Submission, judge: str, rubric: str) -> str:
    return f"{REVIEWS}/{submission.place}/{folder_of(judge, rubric)}/{RESULTS}"


def _labelled_by(one: Rejudged, others: Sequence[Rejudged]) -> Rejudged | None:
    """Who labelled a sample by which the rates of an offline judge can be corrected: people, or else a model judge."""
    if kind_of(one.judge) != OFFLINE:
        return None
    ranked = [other for kind in (PEOPLE, MODEL) for other in others if kind_of(other.judge) == kind]
    return next((other for other in ranked if any(verdict.scored for verdict in other.verdicts)), None)


def _results(
    submission: Submission,
    dataset: OpenedDataset,
    verdicts: Sequence[Verdict],
    judge: JudgeRecord,
    labelled: Rejudged | None = None,
) -> Results:
    """The scores by a judge, corrected by whoever labelled a sample of the answers."""
    answers = submission.scored(dataset, verdicts, judge.judge, judge.rubric)
    corrected = {}
    if labelled is not None:
        labels = submission.scored(dataset, labelled.verdicts, labelled.judge, labelled.rubric)
        corrected[answers.model] = sample_corrected(answers, labels, "ppi")
    provenance = {answers.model: submission.provenance(dataset, judge)}
    return build_results(compute_scores([answers], ranked=False), provenance, corrected=corrected)[0]


def _audits(submission: Submission, rejudged: Sequence[Rejudged], seed: int) -> list[Audit]:
    found = []
    for judge in submission.bundle.judges:
        theirs = submission.verdicts_of(judge.judge, judge.rubric)
        # The same judge where we have it; else the first, which is the offline one.
        ours = next((r for r in rejudged if (r.judge, r.rubric) == (judge.judge, judge.rubric)), None)
        ours = ours or next(iter(rejudged), None)
        if theirs and ours is not None and ours.verdicts:
            found.append(audit(theirs, {v.case_id: v for v in ours.verdicts}, seed))
    return found


def _published(submission: Submission, dataset: OpenedDataset) -> tuple[ReviewedJudge | None, str | None]:
    """The dataset's own verdicts where the submission is what the dataset holds; else what is wrong."""
    ours = bundles_of_dataset(dataset).get(submission.place) if dataset.built.splits("responses") else None
    if ours is None:
        return None, f"{dataset.name} holds no published answers of {submission.bundle.model.name}"
    if any(submission.files.get(name) != ours.files.get(name) for name in (RESPONSES, VERDICTS, RESULTS)):
        # Another version of a library may write the same rows in other bytes.
        mine = read_submission(ours.files)
        if (mine.answers, mine.verdicts) != (submission.answers, submission.verdicts):
            return None, f"its answers or verdicts are not those that {dataset.name} holds"
    judge = ours.bundle.judges[0]
    results = msgspec.json.decode(ours.files[RESULTS], type=Results)
    same = submission.files.get(RESULTS) == ours.files[RESULTS]
    return (
        ReviewedJudge(
            judge=judge.judge,
            rubric=judge.rubric,
            adopted=True,
            status=VERIFIED,
            reasons=["the verdicts that came with the dataset"],
            evidence=[Evidence(kind=DATASET, by=_plain_name(dataset))],
            judge_agreement=results.judge_agreement,
            corrected=results.corrected,
            results=f"{SUBMISSIONS}/{submission.place}/{RESULTS}" if same else None,
        ),
        None,
    )
