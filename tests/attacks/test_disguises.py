"""Copies, names and gaps in disguise, through the real commands."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError
from eval.repository.bundle import BUNDLE
from eval.repository.leaderboard import HELD, read_leaderboard
from eval.submissions.likeness import marks_of
from tests.support.attacking import command, done, helping_bundle, helping_texts, written
from tests.support.submissions import good_bundle, rehashed


@cache
def _rare_runs() -> list[str]:
    """Of 20,000 runs of three words the 800 that have the smallest hashes: forty fill whatever sketch they get into."""
    rng = random.Random(0)
    runs = [" ".join("".join(rng.choices("abcdefghiklmnoprstuvw", k=5)) for _ in range(3)) for _ in range(20_000)]
    return sorted(runs, key=lambda run: int(marks_of(run, "")[0]))[:800]


def _with_rare_runs(text: str) -> str:
    return f"{' '.join(random.Random(text).sample(_rare_runs(), 40))} {text}"


def _underscored(text: str) -> str:
    """Every second word bound to the next by an underscore, which the judge reads as a space."""
    words = text.split(" ")
    return " ".join("_".join(words[at : at + 2]) for at in range(0, len(words), 2))


# What the judge reads as the copied text, or nearly so.
DISGUISES: dict[str, Callable[[str], str]] = {
    "a sign without width in every word": lambda text: re.sub(r"(\w)(\w)", "\\1\u200b\\2", text, flags=re.ASCII),
    "a soft hyphen in every word": lambda text: re.sub(r"(\w\w)(\w)", "\\1\u00ad\\2", text, flags=re.ASCII),
    "Cyrillic letters": lambda text: text.replace("e", "\u0435").replace("o", "\u043e"),
    "accents": lambda text: text.replace("a", "a\u0301"),
    "words bound together": _underscored,
    "runs of words with small hashes before it": _with_rare_runs,
    "the first two fifths alone": lambda text: text[: len(text) * 2 // 5],
}


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_disguised_copy_is_held(kind: str, dataset: OpenedDataset, tmp_path: Path) -> None:
    results, texts = tmp_path / "results", helping_texts(dataset, "alice/model-1")
    disguised = {case_id: DISGUISES[kind](str(text)) for case_id, text in texts.items()}
    for model, answers in (("alice/model-1", texts), ("bob/model-2", disguised)):
        made = good_bundle(dataset, model, texts=answers, judged_by=())
        bundle = written(tmp_path / made.place, made.files)
        told = done("eval", "submit", bundle, "--results", results, "--dataset", dataset.name)
    assert HELD in told
    assert "near-copies of those of alice__model-1" in told
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    assert {row.model for board in read_leaderboard(results).boards for row in board.rows} == {"alice/model-1"}


def named(dataset: OpenedDataset, folder: Path, name: str, slug: str) -> Path:
    """A bundle whose model has a name that the commands of ours would not write."""
    made = helping_bundle(dataset, slug.replace("__", "/"))
    told = msgspec.json.decode(made.files[BUNDLE])["model"]
    return written(folder, rehashed(made.files, model=told | {"name": name, "id": name, "slug": slug}))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        # A Cyrillic letter in acme, Roman numeral one, a fullwidth letter, and a sign that turns what follows around.
        ("\u0430cme/model-1", "cme__model-1"),
        ("acme/model-\u2160", "acme__model"),
        ("\uff41cme/model-1", "cme__model-1"),
        ("acme/\u202e1-ledom", "acme__1-ledom"),
        # What a board says in brackets behind a name, and the study's name in another case.
        ("acme/model-1 (verified)", "acme__model-1-verified"),
        ("Study/model-1", "Study__model-1"),
    ],
)
def test_a_name_that_is_made_to_be_mistaken_is_refused(
    name: str, slug: str, dataset: OpenedDataset, tmp_path: Path
) -> None:
    bundle = named(dataset, tmp_path / "bundle", name, slug)
    refused = command("eval", "submit", bundle, "--results", tmp_path / "results", "--dataset", dataset.name)
    assert isinstance(refused.exception, DataError)
    assert not (tmp_path / "results" / "submissions").exists()


@pytest.mark.parametrize(
    ("name", "reads_like"),
    [("acrne/model-1", "acme"), ("AC-ME/model-1", "acme"), ("acme/rnodel-l", "model-1"), ("0penai/gpt-6", "openai")],
)
def test_a_name_that_reads_like_anothers_is_held(
    name: str, reads_like: str, dataset: OpenedDataset, tmp_path: Path
) -> None:
    there = ("--results", tmp_path / "results", "--dataset", dataset.name)
    first = helping_bundle(dataset, "acme/model-1")
    done("eval", "submit", written(tmp_path / "first", first.files), *there)
    told = done("eval", "submit", written(tmp_path / "second", helping_bundle(dataset, name).files), *there)
    assert HELD in told
    assert f"reads like '{reads_like}'" in told


def test_a_name_that_says_what_a_board_says_is_held(dataset: OpenedDataset, tmp_path: Path) -> None:
    made = helping_bundle(dataset, "bob/model-1-verified")
    there = ("--results", tmp_path / "results", "--dataset", dataset.name)
    told = done("eval", "submit", written(tmp_path / "bundle", made.files), *there)
    assert HELD in told
    assert "says 'verified', which a board says and not a name" in told


def test_a_name_in_another_case_is_no_second_row(dataset: OpenedDataset, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for day, name in enumerate(("acme/model-1", "ACME/Model-1"), start=1):
        made = helping_bundle(dataset, name, at=f"2026-11-{day:02}T10:00:00+00:00")
        done(
            "eval", "submit", written(tmp_path / str(day), made.files), "--results", results, "--dataset", dataset.name
        )
    done("board", "aggregate", "--results", results, "--dataset", dataset.name)
    assert [row.model for board in read_leaderboard(results).boards for row in board.rows] == ["ACME/Model-1"]


def test_models_of_one_organization_and_case_alone_are_no_disguise(dataset: OpenedDataset, tmp_path: Path) -> None:
    there = ("--results", tmp_path / "results", "--dataset", dataset.name)
    for number, name in enumerate(("acme/model-1", "acme/model-2", "Acme/model-1.5", "apex/model-1")):
        made = helping_bundle(dataset, name)
        told = done("eval", "submit", written(tmp_path / str(number), made.files), *there)
        assert HELD not in told, told


SPANISH = "Lo siento, pero no puedo ayudarte con esa solicitud porque la norma existe para proteger a todos."


def test_a_family_thinned_out_by_answers_that_nobody_can_judge_is_held(dataset: OpenedDataset, tmp_path: Path) -> None:
    """Three answers of 72, below every limit over all; yet of one family they are an eighth."""
    family = [case.case_id for case in dataset.built.cases() if case.defeat_family == "content_defeat"]
    texts: dict[str, Any] = helping_texts(dataset, "bob/model-1") | dict.fromkeys(family[:3], SPANISH)
    made = good_bundle(dataset, "bob/model-1", texts=texts, judged_by=())
    there = ("--results", tmp_path / "results", "--dataset", dataset.name)
    told = done("eval", "submit", written(tmp_path / "bundle", made.files), *there)
    assert HELD in told
    assert "12.5 % of the family 'Defeated by its content' have no answer that can be judged (3 unknown" in told
