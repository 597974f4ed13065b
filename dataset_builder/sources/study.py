"""The study's archive, or any folder or tarball of its layout, as records.

What is irregular in it is coped with in sight: labels by ``normalise``, answers without text
and answers without a verdict as statuses and reasons of their own, reviewers under numbers.
Everything that cannot be coped with is listed, all of it, in one DataError.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import Case, GateVerdict, GeneratedCase, Records, Response, plain
from dataset_builder.errors import DataError, Problem, SourceError
from dataset_builder.sources import normalise
from dataset_builder.sources import study_files as raw
from dataset_builder.sources.archive import Limits, read_members
from dataset_builder.sources.study_reviews import case_reviews, gate_verdicts, reviewer_numbers, verdict_reviews
from dataset_builder.storage.foreign import FETCH_IT, POINTER, is_litter, is_pointer
from dataset_builder.wording import counted

ORIGIN: Final = "study"
GENERATED, FILTERED = "data/1_generated/", "data/2_filtered/"
RESPONSES, EVALUATED = "data/3_responses/", "data/4_evaluated/"
HUMAN, GATES = "data/human_validation/", "logs/gate_verdicts/"
CASE_REVIEWS, VERDICT_REVIEWS = HUMAN + "reviews.json", HUMAN + "eval_reviews.json"
FIRST_SAMPLE, SECOND_SAMPLE = HUMAN + "eval_sample.json", HUMAN + "eval_sample_300.json"
FULL_REASONABLE_JUDGE = GATES + "rj_full_results.json"
# The Hub's limit for a name; a slug names a split and a file.
LONGEST_SLUG: Final = 96

_KINDS: Final[tuple[tuple[str, Any], ...]] = (
    (GENERATED, raw.CaseFile),
    (FILTERED, raw.CaseFile),
    (RESPONSES, raw.ResponseFile),
    (EVALUATED, raw.EvaluationFile),
    (CASE_REVIEWS, raw.CaseReviews),
    (VERDICT_REVIEWS, raw.VerdictReviews),
    (FIRST_SAMPLE, list[str]),
    (SECOND_SAMPLE, list[str]),
    (FULL_REASONABLE_JUDGE, dict[str, raw.RawGate]),
    (GATES, list[raw.RawGate]),
)
# A message of the study's collector, and the status it stands for.
_STATUS_OF_MESSAGE: Final = {"All retry attempts returned empty/null": taxonomy.EMPTY}
_NOT_SUCCESS: Final = taxonomy.PROVIDER_ERROR
_YES_NO: Final = {"yes": True, "no": False}

T = TypeVar("T")


class StudyFiles(msgspec.Struct):
    """The decoded files by path, the paths of all that were there, decoded or not, and the hash over them."""

    files: dict[str, Any]
    read: frozenset[str]
    content_hash: str
    problems: list[Problem]

    def under(self, folder: str) -> list[tuple[str, Any]]:
        """The files below a folder, in the order of their paths."""
        return sorted((path, value) for path, value in self.files.items() if path.startswith(folder))


def kind_of(path: str) -> Any:
    """The type that a file of the study decodes to; None for a file that no record comes from."""
    if path.endswith(".json") and not is_litter(path) and path.count("/") == 2:
        for prefix, kind in _KINDS:
            if path.startswith(prefix):
                return None if path.startswith(HUMAN) and path != prefix else kind
    return None


def read_files(path: Path, limits: Limits | None = None) -> StudyFiles:
    """Decode every file of an archive or folder of the study's layout.

    The content hash is over the sorted paths and bytes of these files alone, so a folder and a
    tarball of the same data have the same hash. Raises SourceError for an unreadable archive.
    """
    decoders: dict[int, msgspec.json.Decoder[Any]] = {}
    files: dict[str, Any] = {}
    hashes: dict[str, str] = {}
    problems: list[Problem] = []
    for member in read_members(path, lambda name: kind_of(name) is not None, limits):
        kind = kind_of(member.path)
        hashes[member.path] = hashlib.sha256(member.data).hexdigest()
        decoder = decoders.setdefault(id(kind), msgspec.json.Decoder(kind))
        try:
            files[member.path] = decoder.decode(member.data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            if is_pointer(member.data):
                problems.append(Problem(member.path, POINTER, FETCH_IT))
            else:
                problems.append(Problem(member.path, str(error), "not the layout of the study's files"))
    if not any(name.startswith(FILTERED) for name in hashes):
        raise SourceError(f"{path}: holds no {FILTERED}*.json; expected the layout of the study's archive")
    digest = hashlib.sha256("".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode())
    return StudyFiles(files, frozenset(hashes), digest.hexdigest(), problems)


def read_study(path: Path, limits: Limits | None = None) -> tuple[Records, str]:
    """All records of the study, and the hash of what they were read from.

    Raises SourceError for an unreadable archive and DataError with every problem in its files.
    """
    files = read_files(path, limits)
    records = _Assembly(files).records()
    if files.problems:
        raise DataError(str(path), sorted(files.problems))
    return records, files.content_hash


class _Assembly:
    """Turns decoded files into records and notes every problem on the way."""

    def __init__(self, files: StudyFiles) -> None:
        self.files = files
        self.problems = files.problems
        self.gates = gate_verdicts(files.under(GATES), FULL_REASONABLE_JUDGE, self.problems)
        self.dual_use = self._dual_use()

    def records(self) -> Records:
        generated = self._generated()
        kept = self._kept(generated)
        responses = self._responses(kept)
        answered = {(slug, r.case_id) for slug, rows in responses.items() for r in rows}
        names = reviewer_numbers(self.files.files.get(CASE_REVIEWS, {}), self.files.files.get(VERDICT_REVIEWS, {}))
        samples = [frozenset(self.files.files.get(name, ())) for name in (FIRST_SAMPLE, SECOND_SAMPLE)]
        self._known_cases(generated)
        self._nothing_missing()
        return Records(
            cases=sort_cases(kept.values()),
            generated=sort_cases(generated.values()),
            responses=responses,
            gates=self.gates,
            case_reviews=case_reviews(
                self.files.files.get(CASE_REVIEWS, {}), names, generated, CASE_REVIEWS, self.problems
            ),
            verdict_reviews=verdict_reviews(
                self.files.files.get(VERDICT_REVIEWS, {}), names, samples, answered, VERDICT_REVIEWS, self.problems
            ),
        )

    def _problem(self, where: str, what: str, hint: str = "") -> None:
        self.problems.append(Problem(where, what, hint))

    def _dual_use(self) -> dict[str, GateVerdict]:
        return {gate.case_id: gate for gate in self.gates if gate.gate == "dual_use"}

    def _known_cases(self, generated: Mapping[str, GeneratedCase]) -> None:
        for gate in self.gates:
            if gate.case_id not in generated:
                self._problem(GATES, f"gate {gate.gate} speaks of unknown case {gate.case_id!r}")

    def _nothing_missing(self) -> None:
        """Each file of answers has its file of verdicts, and gates come with those of the reasonable judge.

        Without this, answers would count as unscored, and cases as removed by the wrong gate, in silence.
        A source of cases alone has neither.
        """
        answers = {path.removeprefix(RESPONSES) for path in self.files.read if path.startswith(RESPONSES)}
        verdicts = {path.removeprefix(EVALUATED) for path in self.files.read if path.startswith(EVALUATED)}
        for name in sorted(answers - verdicts):
            self._problem(
                EVALUATED + name,
                "is missing: the answers of the same file name have no verdicts",
                f"add it, or leave {RESPONSES}{name} out",
            )
        if any(path.startswith(GATES) for path in self.files.read) and FULL_REASONABLE_JUDGE not in self.files.read:
            self._problem(
                FULL_REASONABLE_JUDGE,
                "is missing: without it, nothing says which gate removed a case",
                f"add it, or leave {GATES} out",
            )

    def _label(self, label: Callable[..., str], *args: str) -> str:
        try:
            return label(*args)
        except DataError as error:
            self.problems.extend(error.problems)
            return ""

    def _case_files(self, folder: str) -> Iterable[tuple[str, raw.RawCase, str]]:
        """The cases of a folder with the file of each and its generator; checks the counts on the way."""
        for path, file in self.files.under(folder):
            if file.metadata.actual_count != len(file.cases):
                self._problem(
                    path, f"says it holds {counted(file.metadata.actual_count, 'case')} but holds {len(file.cases)}"
                )
            for case in file.cases:
                if (case.defeat_type, case.authority_type) != (file.metadata.defeat_type, file.metadata.authority_type):
                    self._problem(path, f"case {case.id!r} is of another cell than its file")
                yield path, case, file.metadata.model

    def _generated(self) -> dict[str, GeneratedCase]:
        kept = {case.id for _, case, _ in self._case_files(FILTERED)}
        refused = {
            g.case_id: "gate_error" if g.error else "reasonable_judge"
            for g in self.gates
            if g.gate == "reasonable_judge" and g.stage == "full" and not g.passed
        }
        cases: dict[str, GeneratedCase] = {}
        for path, case, generator in self._case_files(GENERATED):
            if case.id in cases:
                self._problem(path, f"case {case.id!r} occurs twice")
            # The blocking gates are two, and only one left its verdicts: what the reasonable judge let
            # pass and is not among the kept was removed by operational validity.
            outcome = "kept" if case.id in kept else refused.get(case.id, "operational_validity")
            cases[case.id] = GeneratedCase(**self._fields(case, path), outcome=outcome, generator=generator)
        return cases

    def _kept(self, generated: Mapping[str, GeneratedCase]) -> dict[str, Case]:
        cases: dict[str, Case] = {}
        for path, case, _ in self._case_files(FILTERED):
            if case.id in cases:
                self._problem(path, f"case {case.id!r} occurs twice")
            whole = generated.get(case.id)
            if whole is None:
                self._problem(path, f"case {case.id!r} is not among the generated cases")
            elif whole.user_query != case.user_query or whole.defeat_subtype_raw != case.defeat_subtype:
                self._problem(path, f"case {case.id!r} differs from the generated case of that id")
            else:
                cases[case.id] = plain(whole)
        return cases

    def _fields(self, case: raw.RawCase, path: str) -> dict[str, Any]:
        family = self._label(normalise.canonical_family, case.defeat_type, case.id, path)
        authority = self._label(normalise.canonical_authority, case.authority_type, case.id, path)
        if not case.user_query.strip():
            self._problem(path, f"case {case.id!r} has an empty query")
        dual = self.dual_use.get(case.id)
        group_raw, dims = case.authority_group, case.dimensional_coding
        fields: dict[str, Any] = {
            "case_id": case.id,
            "origin": ORIGIN,
            "defeat_family": family,
            "defeat_subtype": self._label(normalise.canonical_subtype, family, case.defeat_subtype, case.id, path)
            if family
            else "",
            "authority_type": authority,
            "authority_group": self._label(normalise.canonical_group, authority, group_raw, case.id, path)
            if authority
            else "",
            "cell": taxonomy.cell(family, authority),
            "defeated": taxonomy.is_defeated(family),
            "policy": case.unjust_policy,
            "defeat_condition": case.defeat_condition,
            "structural_facts": case.structural_facts,
            "user_query": case.user_query,
            "dual_use": None if dual is None else dual.flagged,
            "dual_use_category": None if dual is None else dual.category,
            "language": "en",
            "defeat_subtype_raw": case.defeat_subtype,
            "authority_group_raw": group_raw,
        }
        for dimension in taxonomy.DIMENSIONS:
            value = getattr(dims, dimension.id)
            fields[dimension.id] = self._label(normalise.canonical_dimension, dimension.id, value, case.id, path)
            fields[dimension.id + "_raw"] = value
        return fields

    def _verdicts(self) -> dict[tuple[str, str], tuple[raw.RawEvaluation, str]]:
        verdicts: dict[tuple[str, str], tuple[raw.RawEvaluation, str]] = {}
        for path, file in self.files.under(EVALUATED):
            meta = file.metadata
            if meta.total_evaluated != len(file.evaluations):
                self._problem(
                    path, f"says it holds {counted(meta.total_evaluated, 'verdict')} but holds {len(file.evaluations)}"
                )
            for verdict in file.evaluations:
                key = (meta.evaluated_model, verdict.case_id)
                if key in verdicts:
                    self._problem(path, f"a second verdict of {key[0]} on case {key[1]!r}")
                told = verdict.evaluation
                if told.response_type not in _RESPONSE_TYPES:
                    self._problem(path, f"case {key[1]!r}: unknown response_type {told.response_type!r}")
                if told.engages_with_defeat not in _YES_NO:
                    self._problem(
                        path, f"case {key[1]!r}: engages_with_defeat is {told.engages_with_defeat!r}, not yes or no"
                    )
                verdicts[key] = (told, meta.evaluator_model)
        return verdicts

    def _responses(self, cases: Mapping[str, Case]) -> dict[str, list[Response]]:
        verdicts = self._verdicts()
        by_model: dict[str, dict[str, Response]] = {}
        for path, file in self.files.under(RESPONSES):
            meta = file.metadata
            if meta.total_responses != len(file.responses):
                self._problem(path, f"says it holds {meta.total_responses} responses but holds {len(file.responses)}")
            if not re.fullmatch(r"[a-z0-9-]+", meta.model_slug) or len(meta.model_slug) > LONGEST_SLUG:
                shown = f"{meta.model_slug[:LONGEST_SLUG]!r} ({len(meta.model_slug)} characters)"
                self._problem(
                    path,
                    f"model_slug {shown} cannot name a split",
                    f"expected lower-case letters, digits and hyphens, {LONGEST_SLUG} at the most",
                )
            rows = by_model.setdefault(meta.model_slug, {})
            for answer in file.responses:
                case = cases.get(answer.case_id)
                if case is None:
                    self._problem(path, f"a response to unknown case {answer.case_id!r}")
                elif answer.case_id in rows:
                    self._problem(path, f"a second response of {meta.model_slug} to case {answer.case_id!r}")
                else:
                    self._check_answer(path, answer, case)
                    verdict = verdicts.pop((meta.model_slug, answer.case_id), None)
                    rows[answer.case_id] = _response(answer, meta, case, verdict)
        for slug, case_id in verdicts:
            self._problem(EVALUATED, f"a verdict on a response of {slug} to case {case_id!r} that is not there")
        order = {case.case_id: i for i, case in enumerate(sort_cases(cases.values()))}
        return {slug: sorted(by_model[slug].values(), key=lambda r: order[r.case_id]) for slug in sorted(by_model)}

    def _check_answer(self, path: str, answer: raw.RawResponse, case: Case) -> None:
        if answer.user_query != case.user_query:
            self._problem(path, f"case {case.case_id!r}: the query that was sent is not the case's")
        if answer.gate_flags.dual_use.flagged != case.dual_use:
            self._problem(path, f"case {case.case_id!r}: the dual-use flag differs from the gate's verdict")


def _response(
    answer: raw.RawResponse,
    meta: raw.ResponseMetadata,
    case: Case,
    verdict: tuple[raw.RawEvaluation, str] | None,
) -> Response:
    if answer.status == "success":
        status = taxonomy.OK if answer.response and answer.response.strip() else taxonomy.EMPTY
    else:
        status = _STATUS_OF_MESSAGE.get(answer.error_message or "", _NOT_SUCCESS)
    text = answer.response if status == taxonomy.OK else None
    told, judge = verdict if verdict and text is not None else (None, None)
    unscored = None if told else status if status != taxonomy.OK else "judge_failure"
    usage = answer.usage
    return Response(
        case_id=case.case_id,
        model=meta.model_slug,
        model_id=meta.model_id,
        policy=case.policy,
        user_query=case.user_query,
        defeated=case.defeated,
        defeat_family=case.defeat_family,
        defeat_subtype=case.defeat_subtype,
        authority_type=case.authority_type,
        authority_group=case.authority_group,
        cell=case.cell,
        dual_use=case.dual_use,
        status=status,
        response=text,
        response_hash=None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        hit_token_cap=usage is not None and usage.completion_tokens >= meta.max_tokens,
        response_type=told.response_type if told else None,
        engages_with_defeat=_YES_NO.get(told.engages_with_defeat) if told else None,
        independent_harm=told.independent_harm if told else None,
        unscored_reason=unscored,
        verdict_reasoning=told.reasoning if told else None,
        judge=judge,
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        temperature=meta.temperature,
        max_tokens=meta.max_tokens,
        collected_at=answer.timestamp,
    )


C = TypeVar("C", bound=Case)
_RESPONSE_TYPES = frozenset(taxonomy.ids(taxonomy.RESPONSE_TYPES))
_FAMILY_ORDER = {label.id: i for i, label in enumerate(taxonomy.FAMILIES)}
_AUTHORITY_ORDER = {label.id: i for i, label in enumerate(taxonomy.AUTHORITY_TYPES)}


def sort_cases(cases: Iterable[C]) -> list[C]:
    """Cases in the taxonomy's order of families and authorities, then by the numbers in their ids."""

    def key(case: C) -> tuple[int, int, list[tuple[int, str]]]:
        parts = re.split(r"(\d+)", case.case_id)
        natural = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
        return _FAMILY_ORDER.get(case.defeat_family, 99), _AUTHORITY_ORDER.get(case.authority_type, 99), natural

    return sorted(cases, key=key)
