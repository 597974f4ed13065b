"""The requests of a language's arm: a person's translations, by case; nothing here translates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dataset_builder.dataset.opened import BuiltDataset, OpenedDataset, locate_dataset
from dataset_builder.dataset.sample import chosen_cases, draw, sample_name
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.hub.naming import repo_meant
from dataset_builder.storage.sheets import read_sheet
from eval.runs.plan import RunOptions

CASE: Final = "case_id"
# The column of the translations, as a dataset calls its requests.
REQUEST: Final = "user_query"
_HINT: Final = f"a table (CSV, JSON lines) with the columns {CASE} and {REQUEST}, or a dataset"


def read_translations(spec: str, beside: Path) -> dict[str, str]:
    """Translated requests by case: from a table beside the file of the set, or a dataset that holds them as its cases.

    Raises InputError where there is neither, DataError with every row that cannot be one.
    """
    file = beside / spec
    if file.is_dir() or (not file.exists() and repo_meant(spec) is not None):
        built: BuiltDataset = locate_dataset(file if file.is_dir() else spec).built
        return {case.case_id: case.user_query for case in built.cases()}
    if not file.is_file():
        raise InputError(f"translations: {file}: no such file. Expected {_HINT}.")
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for row in read_sheet(file, (CASE, REQUEST), exact=(REQUEST,)):
        case_id, text = row.values.get(CASE), row.values.get(REQUEST)
        if not isinstance(case_id, str) or not case_id:
            problems.append(Problem(row.where, f"no {CASE}"))
        elif not isinstance(text, str) or not text.strip():
            problems.append(Problem(row.where, f"case {case_id}: no {REQUEST}", "translate it, or remove the row"))
        elif found.setdefault(case_id, text) != text:
            problems.append(Problem(row.where, f"case {case_id}: a second translation", "keep one"))
    if problems:
        raise DataError(f"{file}: translations cannot be read", problems)
    return found


def check_translated(options: RunOptions, dataset: OpenedDataset) -> None:
    """Raise DataError with every case that is to be asked and has no translation, or its own text for one."""
    if options.translated is None:
        return
    sample = sample_name(options.sample, options.limit)
    cases = chosen_cases(dataset.built.cases(), options.chosen, dataset.name)
    problems = []
    for case in draw(cases, sample, options.sample_seed, lambda case: case.cell):
        text = options.translated.get(case.case_id)
        if text is None:
            problems.append(Problem(case.case_id, "no translation", "add it, or leave the case out by `cases:`"))
        elif text.strip() == case.user_query.strip() and case.language != options.language:
            problems.append(Problem(case.case_id, "the request itself, untranslated"))
    if problems:
        raise DataError(f"The translations into {options.language} do not cover the cases that are asked", problems)


def judge_is_foreign(judge: str, languages: Iterable[str]) -> str | None:
    """What to say of an offline judge that does not know the languages of some arms; None where nothing is."""
    from eval.judges.embedded.judge import EmbeddedJudge

    foreign = sorted(set(languages) - set(EmbeddedJudge.languages))
    if not foreign or judge.partition(":")[0] not in (EmbeddedJudge.name, "cascade"):
        return None
    return (
        f"--judge {judge}: knows {', '.join(EmbeddedJudge.languages)} alone and gives no verdict on answers in "
        f"{', '.join(foreign)}. Choose a model that reads both, for all arms, as --judge model:openrouter/z-ai/glm-5; "
        "or people, with --judge none and then `eval judge RUN --judge human:FILE`."
    )
