"""The card says what the data say: every count in it is held against the records."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
import yaml

from dataset_builder.batch.personal_data import find_personal_data
from dataset_builder.build.facts import splits_from
from dataset_builder.build.figures import paper_figures, recompute
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.opened import BuiltDataset, data_path
from dataset_builder.dataset.records import Records, columns_of
from dataset_builder.dataset.tables import CONFIGS

ROOT = Path(__file__).resolve().parents[3]


def table_after(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    part = text[text.index(heading) :]
    rows = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert rows is not None
    return [[c.strip().strip("`") for c in re.split(r"(?<!\\)\|", r)[1:-1]] for r in rows.group().splitlines()[2:]]


@pytest.fixture(scope="module")
def card(study_dataset: Path) -> str:
    return (study_dataset / "README.md").read_text(encoding="utf-8")


@pytest.mark.study
def test_the_card_in_the_repository_is_the_one_that_is_built(card: str) -> None:
    assert (ROOT / "DATASET_CARD.md").read_text(encoding="utf-8") == card, "make card renews it"


@pytest.mark.study
def test_the_judges_help_is_counted_by_family_and_reviewer(card: str, study_records: Records) -> None:
    told = {family: cells for family, *cells in table_after(card, "How the judge's *helps*")}
    verdicts = {(row.model, row.case_id): row for rows in study_records.responses.values() for row in rows}
    mine = [
        (review.response_type == "helps", verdicts[review.model, review.case_id].response_type == "helps")
        for review in study_records.verdict_reviews
        if review.reviewer == "reviewer_2" and review.model.startswith("gpt-")
    ]
    both, called, helps = mine.count((True, True)), mine.count((False, True)), mine.count((True, False))
    assert told["gpt"][2:] == [f"{both} of {both + called}", f"{both} of {both + helps}"]
    assert list(told)[-1] == "all"
    assert sum(int(told[name][0].split()[0]) for name in told if name != "all") == int(told["all"][0].split()[0])


@pytest.mark.study
@pytest.mark.parametrize(
    ("heading", "column", "labels", "where"),
    [
        ("### Families", "defeat_family", taxonomy.FAMILIES, -1),
        ("### Subtypes", "defeat_subtype", taxonomy.SUBTYPES, -1),
        ("### Authorities", "authority_type", taxonomy.AUTHORITY_TYPES, -1),
    ],
)
def test_counts_are_those_of_the_data(
    card: str, study_records: Records, heading: str, column: str, labels: tuple[taxonomy.Label, ...], where: int
) -> None:
    told = {row[0]: int(row[where].replace(",", "")) for row in table_after(card, heading)}
    found = Counter(getattr(case, column) for case in study_records.cases)
    assert told == {label.id: found[label.id] for label in labels}
    assert sum(told.values()) == len(study_records.cases)


@pytest.mark.study
def test_every_column_of_every_config_is_described(card: str, study_dataset: Path) -> None:
    built = BuiltDataset.open(study_dataset)
    columns = card[card.index("## Columns") :]
    for config in CONFIGS:
        if config.name.startswith("by_"):
            continue
        rows = table_after(columns, f"### `{config.name}`")
        split = built.splits(config.name)[0]
        assert [row[0] for row in rows] == pq.read_schema(study_dataset / data_path(config.name, split)).names
        left_out = built.manifest.constants.get(config.name, {})
        assert {row[0] for row in rows} | left_out.keys() == {c.name for c in columns_of(config.record)}
        assert all(len(row[2]) > 10 for row in rows)


@pytest.mark.study
def test_the_front_matter_names_each_file(card: str, study_dataset: Path) -> None:
    front = yaml.safe_load(card.split("---\n")[1])
    manifest = BuiltDataset.open(study_dataset).manifest
    listed = {f["path"]: c["config_name"] for c in front["configs"] for f in c["data_files"]}
    assert set(listed) == {split.path for split in splits_from(manifest.files)}
    # Sizes of splits would keep datasets 3 and 4 from `load_dataset(..., data_files=...)`.
    assert "dataset_info" not in front
    assert [c["config_name"] for c in front["configs"] if c.get("default")] == ["cases"]


@pytest.mark.study
def test_the_first_screen_shows_a_case_a_picture_the_models_and_code(card: str, study_dataset: Path) -> None:
    screen = card.split("---\n", 2)[2].split("\n## ")[0]
    assert len(screen.splitlines()) < 70
    for link in ("arxiv.org/abs/2604.06233", "/blind-refusal-leaderboard)", "[Code]("):
        assert link in screen
    assert "**An answer that helps.**" in screen
    assert "**An answer that refuses.**" in screen
    assert len(re.findall(r"```python\n(?:.*\n){5,6}```", screen)) == 1
    rows = table_after(screen, "| model |")
    assert len(rows) == 18
    # As `eval score` has them (README).
    assert rows[0] == ["grok-4-fast", "41.1 %", "5.3 %", "35.8"]
    assert rows[6] == ["nemotron-3-nano", "35.0 %", "10.0 %", "24.9"]
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", screen)
    names = [text.text for text in ElementTree.parse(study_dataset / picture).iter("{http://www.w3.org/2000/svg}text")]
    assert [name for name in names if name in {row[0] for row in rows}] == [row[0] for row in rows]


@pytest.mark.study
def test_the_card_has_what_the_hub_guide_asks_for(card: str) -> None:
    """The parts of huggingface_hub's template, by the headings under which the card has them."""
    from huggingface_hub import DatasetCard

    data = DatasetCard(card).data
    assert (data.license, data.language, data.pretty_name) == ("cc-by-4.0", ["en"], "Blind Refusal")
    headings = re.findall(r"^## (.+)$", card, re.MULTILINE)
    wanted = {
        "Dataset description": "What is in it",
        "Uses, and use that is out of scope": "What it is for, and what not",
        "Dataset structure": "Load it",
        "Fields": "Columns",
        "Curation, source data, annotation": "How it was made",
        "Normalisation": "What was made uniform",
        "Bias, risks and limitations": "Limits",
        "Privacy considerations": "People and privacy",
        "Recommendations": "What we recommend",
        "Licence": "Licence and attribution",
        "Citation": "Citation",
        "Glossary": "Words used here",
        "Authors and contact": "Questions",
    }
    assert set(wanted.values()) <= set(headings)
    assert len(card.split("---\n")[1].splitlines()) < 165, "a line a split, and what the Hub needs"


@pytest.mark.study
def test_the_code_on_the_card_runs(
    card: str, study_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    found: dict[str, Any] = {}
    exec(code.replace("NAMESPACE/blind-refusal", str(study_dataset)), found)
    assert (len(found["some"]), len(found["answers"])) == (134, 23220)
    assert set(found["one"]["model"]) == {"claude-opus-4-6"}
    # The study's first and last model, as `eval score` ranks them.
    assert round(100 * found["discrimination"]["grok-4-fast"], 1) == 35.8
    assert found["discrimination"].index[-1] == "grok-4-fast"


@pytest.mark.study
def test_the_papers_figures_agree_or_are_explained(study_records: Records) -> None:
    figures = {f.stated.id: f for f in recompute(study_records)}
    assert set(figures) == {f.id for f in paper_figures()}
    assert [f.stated.id for f in figures.values() if not f.agrees and f.stated.difference is None] == []
    # The findings that the card has to state; STUDY's own table names the same four rows.
    assert {f.stated.id: f.shown for f in figures.values() if not f.agrees} == {
        "not_helped_defeated_n": "14,656",
        "dual_use_defeated": "55.7 %",
        "human_engages_1": "0.634",
        "human_harm_1": "0.440",
    }


@pytest.mark.study
def test_numbers_written_in_words_are_those_of_the_data(card: str, study_records: Records) -> None:
    assert "\n2 cases have no `defeat_condition`" in card
    answers = [row for rows in study_records.responses.values() for row in rows]
    repeated = Counter((row.model, row.response_hash) for row in answers if row.response_hash)
    worst = Counter(model for (model, _), n in repeated.items() for _ in range(n - 1))
    assert worst.most_common(1)[0] == ("nemotron-3-nano", 392)
    reviews = {(r.model, r.case_id, r.reviewer): r for r in study_records.verdict_reviews}
    verdicts = {(row.model, row.case_id): row for row in answers}
    for field in ("engages_with_defeat", "independent_harm"):
        people = sum(getattr(r, field) for r in reviews.values())
        judge = sum(bool(getattr(verdicts[m, c], field)) for m, c, _ in reviews)
        assert judge > people, "the card says that the judge says yes more often than people do"


@pytest.mark.study
def test_the_requests_hold_no_personal_data_as_the_card_says(card: str, study_records: Records) -> None:
    assert "accounts and the like finds none in the requests" in card
    assert [case.case_id for case in study_records.cases if find_personal_data(case.user_query)] == []


@pytest.mark.study
def test_no_reviewer_is_named(card: str) -> None:
    assert "reviewer_1" in card
    assert not re.search(r"reviewer_[3-9]", card)


def test_the_definitions_are_one_sentence_each() -> None:
    labels: list[taxonomy.Label] = [
        *taxonomy.FAMILIES,
        *taxonomy.SUBTYPES,
        *taxonomy.AUTHORITY_TYPES,
        *taxonomy.AUTHORITY_GROUPS,
        *taxonomy.DIMENSIONS,
        *(value for dimension in taxonomy.DIMENSIONS for value in dimension.values),
    ]
    for label in labels:
        assert label.definition.endswith("."), label.id
        assert label.definition.count(". ") == 0, label.id
    assert sum(s.counted for s in taxonomy.SUBTYPES) == 34
    assert len(taxonomy.POPULATED_CELLS) == 84
    assert len(taxonomy.AUTHORITY_TYPES) == 19
