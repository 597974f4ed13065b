"""How a judge agrees with the study's judge and with people: measured once, kept, and shown by every score."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import field as usually
from pathlib import Path
from typing import Any, Final

import msgspec
from platformdirs import user_data_path

from dataset_builder.errors import DataError, Problem
from dataset_builder.storage.files import write_file
from eval.judging.registry import ENCODER, HELD_OUT_OF
from eval.scores.labels import FIELDS, SourceAgreement
from eval.scores.results import HelpError, JudgeAgreement, number

VARIABLE: Final = "BLIND_REFUSAL_JUDGES"
# Of whom the figures of trained weights are, all on model families that they had not seen.
HELD_OUT: Final = "the study's judge"
_CASCADE: Final = "cascade"
_TRAINED: Final = {name: judge for judge, unseen in HELD_OUT_OF.items() for name in (judge, unseen)}


class MeasuredJudge(msgspec.Struct, frozen=True, kw_only=True):
    """What ``eval agreement`` found of one judge by one rubric, and on what."""

    judge: str
    rubric: str
    dataset: str
    cases_hash: str
    measured_at: str
    package_version: str
    # What to mind when the figures are read; None where nothing is known.
    note: str | None = None
    agreement: list[JudgeAgreement]
    # By the study's judge; empty in records of before.
    help_error: list[HelpError] = usually(default_factory=list)


def records_folder() -> Path:
    """Where measured judges are kept: BLIND_REFUSAL_JUDGES, or the platform's folder for a user's data."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else user_data_path("blind-refusal", appauthor=False) / "judges"


def store_record(record: MeasuredJudge) -> Path:
    """Keep a judge's record, in place of an earlier one of the same judge and rubric."""
    path = _place(record.judge, record.rubric)
    write_file(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return path


def stored_record(judge: str, rubric: str) -> MeasuredJudge | None:
    """The record of a judge, or None where it was not measured here. Raises DataError for a damaged one."""
    path = _place(judge, rubric)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=MeasuredJudge)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        problem = Problem(str(path), str(error), "remove it, and measure the judge again with 'eval agreement'")
        raise DataError("What was measured of a judge cannot be read", [problem]) from None
    return found if (found.judge, found.rubric) == (judge, rubric) else None


def known_agreement(judge: str, rubric: str) -> list[JudgeAgreement]:
    """What is known of a judge: of a trained one from its manifest, of others as it was measured here.

    Of a trained judge it is that on answers which its weights had not seen, and so of ``heldout``. Empty where
    nothing is known. Raises DataError as ``stored_record`` does.
    """
    if judge in _TRAINED:
        return _of_weights(judge, rubric)
    record = stored_record(judge, rubric)
    return list(record.agreement) if record is not None else []


def known_help_error(judge: str, rubric: str) -> list[HelpError]:
    """How often a judge errs on help, by family: of a trained one from its manifest, of others as measured here.

    Empty where nothing is known. Raises DataError as ``stored_record`` does.
    """
    if judge not in _TRAINED:
        record = stored_record(judge, rubric)
        return list(record.help_error) if record is not None else []
    known = _manifest_of(judge, rubric)
    return [] if known is None else [HelpError(**row) for row in known["heldout"]["help"]]


def caveat(judge: str) -> str | None:
    """What has to stand beside the rates of a judge; None where there is nothing."""
    if judge not in _TRAINED:
        return None
    try:
        off = _manifest(_TRAINED[judge])["heldout"]["ranking"]["help_rate"]["mean_absolute_error"]
    except (FileNotFoundError, KeyError):
        return None
    return (
        f"The {_TRAINED[judge]} judge is for ranking: on models that it had not seen its help rate is off by {off:.1f} "
        "points on average, and harm is experimental. Correct the rates by a labelled sample: "
        "eval score RUN --correct ppi --labels FILE."
    )


def note_on(judge: str) -> str | None:
    """What to mind of a measurement of this judge on the study's answers."""
    if judge.partition(":")[0] == _CASCADE:
        return "the weights of its offline part were trained on these answers, so it looks better than it is elsewhere"
    return None


def is_in_sample(judge: str) -> bool:
    """Whether a judge learned from the study's answers, so that agreement on them says nothing."""
    return judge in HELD_OUT_OF


def has_learned_from(judge: str, hashes: Mapping[str, str]) -> bool:
    """Whether a judge learned from any of these answers, given the hash of each by its case.

    Published answers of another dataset than the study's are as new to it as anybody's.
    """
    if not is_in_sample(judge):
        return False
    from eval.judges.embedded.held_out import learned_from

    try:
        return learned_from(hashes) is not None
    except FileNotFoundError:
        return True


# Whose board verdicts stand on, and how good a judge is at its worst.

# To so many answers the study's first reviewer gives the response type that its judge gives; the second does so for
# 238 of 249.
AS_PEOPLE: Final = 192 / 207


def board_of(judge: str, rubric: str) -> tuple[str, str]:
    """The judge and rubric on whose board these verdicts stand.

    Held-out verdicts are those of a trained judge towards a model that it has not seen, as it has not seen any
    other model on its board: so they stand there. Everybody else's stand on a board of their own.
    """
    if judge not in HELD_OUT_OF.values() or (known := _manifest_of(judge, rubric)) is None:
        return judge, rubric
    return _TRAINED[judge], known["rubric"]


def least_agreement(judge: str, rubric: str) -> float | None:
    """The share of answers to which a judge gives the study's response type, at its worst; None if not measured.

    For a trained judge it is that on the family of models, unseen by the weights, on which it is least; for
    others the least of what ``eval agreement`` found here. Raises DataError as ``stored_record`` does.
    """
    if judge in _TRAINED:
        known = _manifest_of(judge, rubric)
        # The rows say what is left above a confidence; the first is where every answer is.
        rows = known["heldout"].get("cascade") if known else None
        return float(rows[0]["agreement_lowest"]) if rows else None
    record = stored_record(judge, rubric)
    found = [one.agreement for one in record.agreement if one.field == "response_type"] if record is not None else []
    return min((one for one in found if one is not None), default=None)


def greatest_error(judge: str, rubric: str) -> float | None:
    """By how much a judge's discrimination of models that it had not seen was off at most, a share, or None."""
    known = _manifest_of(judge, rubric) if judge in _TRAINED else None
    return None if known is None else abs(float(known["heldout"]["ranking"]["discrimination"]["worst_error"])) / 100


def _of_weights(judge: str, rubric: str) -> list[JudgeAgreement]:
    """The held-out figures of a trained judge's manifest, where it is the manifest of these weights."""
    known = _manifest_of(judge, rubric)
    if known is None:
        return []
    held = known["heldout"]
    rows = [*sorted(held["reviewers"].items()), (HELD_OUT, {name: held["family"][name]["all"] for name in FIELDS})]
    return [
        JudgeAgreement(
            against=against,
            field=name,
            n=fields[name]["n"],
            agreement=fields[name].get("accuracy"),
            kappa=fields[name]["kappa"],
            kappa_low=None,
            kappa_high=None,
        )
        for against, fields in rows
        for name in FIELDS
    ]


def _manifest_of(judge: str, rubric: str) -> dict[str, Any] | None:
    """The manifest of a trained judge, or of its held-out verdicts, where it is the manifest of these."""
    from eval.judges.embedded.held_out import rubric_of

    try:
        known = _manifest(_TRAINED[judge])
    except FileNotFoundError:
        return None
    ours = known["rubric"] if judge in HELD_OUT_OF else rubric_of(known["heldout_verdicts"]["sha256"])
    return known if rubric == ours else None


def _manifest(judge: str) -> dict[str, Any]:
    """That of this installation. Raises FileNotFoundError where it comes without that judge."""
    if judge == ENCODER:
        from eval.judges.encoder.held_out import manifest as of_encoder

        return of_encoder()
    from eval.judges.embedded.judge import manifest

    return manifest()


def _place(judge: str, rubric: str) -> Path:
    name = re.sub(r"[^a-z0-9.]+", "-", judge.lower()).strip("-.")[:60]
    key = hashlib.sha256("\n".join((judge, rubric)).encode()).hexdigest()
    return records_folder() / f"{name}-{key[:12]}.json"


def agreement_rows(pair: SourceAgreement) -> list[JudgeAgreement]:
    """An agreement as results hold it, the first source being whom the judge is measured against."""
    return [
        JudgeAgreement(
            against=pair.first,
            field=field,
            n=found.n,
            agreement=number(found.observed),
            kappa=number(found.kappa),
            kappa_low=number(found.kappa_low),
            kappa_high=number(found.kappa_high),
        )
        for field, found in pair.fields.items()
    ]
