"""Extended versions: what is added, what must not change, what is held back, and what changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.lines import read_generated
from dataset_builder.build.build import build_dataset
from dataset_builder.build.check import check_folder, find_leaks
from dataset_builder.build.diff import diff_datasets
from dataset_builder.build.extend import canary_of, hold_out
from dataset_builder.build.publish import publish
from dataset_builder.cli import dataset
from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Records
from dataset_builder.errors import DataError, InputError
from dataset_builder.review.cases import QUESTIONS, review_of
from dataset_builder.sources.starter import read_starter
from tests.support.case_writer import case, gate_of, is_gate, verdict
from tests.support.chat_server import ChatServer, Reply, Request

STARTER = read_starter().cases


def script(request: Request) -> Reply:
    """Clubs fail the reasonable judge."""
    if not is_gate(request):
        return case(request)
    return verdict(request, passes="Authority: Club" not in request.query or gate_of(request) != "reasonable_judge")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated cases of two cells, of which six are kept."""
    out = tmp_path_factory.mktemp("batch") / "g"
    with ChatServer(script) as server:
        model = ("--model", "m", "--base-url", server.base_url, "--yes")
        gates = ("--gate-model", "m", "--gate-base-url", server.base_url)
        cells = ("--cell", "control:school", "--cell", "content_defeat:club", "--count", "6")
        for stage in (("--only", "generate", *cells, "--existing", "starter"), ("--only", "gate")):
            done = CliRunner().invoke(dataset, ["backfill", str(out), *stage, *model, *gates])
            assert done.exit_code == 0, done.output
    return out


def build(*arguments: str) -> Result:
    return CliRunner().invoke(dataset, ["build", *arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_extended_version(batch: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = build("--source", "starter", "--add", f"generated:{batch}", "--out", str(tmp_path / name))
        assert done.exit_code == 0, done.output
    assert files(tmp_path / "one") == files(tmp_path / "two"), "a release can be rebuilt byte for byte"
    assert check_folder(tmp_path / "one") == []
    built = BuiltDataset.open(tmp_path / "one")
    assert len(built.cases()) == len(STARTER) + 6
    # No case of the base changed, and new ones say where they come from.
    assert built.cases()[: len(STARTER)] == STARTER
    settings = json.loads((batch / "generation.json").read_text())["settings"]
    assert {(c.origin, c.batch) for c in built.cases()[len(STARTER) :]} == {("generated", settings["batch"])}
    assert built.table("by_rule", "control").num_rows == sum(not c.defeated for c in STARTER) + 6
    generated = built.table("generated", "test").to_pylist()
    assert sorted(row["outcome"] for row in generated) == ["kept"] * 6 + ["reasonable_judge"] * 6
    assert [source.kind for source in built.manifest.sources] == ["starter", "generated"]
    text = (tmp_path / "one" / "README.md").read_text()
    assert "Blind Refusal (starter cases), extended" in text
    assert "It holds the 112 starter cases" in text
    days = sorted({row["generated_at"][:10] for row in generated})
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    made = f"| `{settings['batch']}` | m | {when} | en | 12 | 6 removed by the reasonable-judge gate | 6 |"
    assert f"{made} m | by nobody |" in text
    assert "Of 12 cases that were written, 6 remain." in text


def test_the_card_says_who_reviewed_a_batch(batch: Path, tmp_path: Path) -> None:
    folder = GenerationFolder.open(Path(shutil.copytree(batch, tmp_path / "g")))
    kept = [line.case_id for line in folder.lines() if line.outcome == "kept"]
    yes = {question.name: "yes" for question in QUESTIONS}
    with folder.writing():
        # Yes yes yes no against yes yes no no: po = 3/4, pe = 3/4 * 1/2 + 1/4 * 1/2 = 1/2, kappa = 1/2.
        for case_id, one, two in zip(kept, ("yes", "yes", "yes", "no"), ("yes", "yes", "no", "no"), strict=False):
            folder.reviews.append(review_of("reviewer_1", case_id, yes | {"passed": one}))
            folder.reviews.append(review_of("reviewer_2", case_id, yes | {"passed": two}))
        folder.reviews.append(review_of("reviewer_1", kept[4], yes))
    done = build("--source", f"generated:{folder.path}", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| 5 cases by 2 people, 75 % agreement on 4, kappa 0.50 |" in text
    assert "2 removed by human review" in text
    assert "## How it was made" in text
    assert "## What was added" not in text


def test_ids_must_not_clash(batch: Path, tmp_path: Path) -> None:
    added = ("--add", f"generated:{batch}")
    done = build("--source", "starter", *added, *added, "--out", str(tmp_path / "out"))
    assert isinstance(done.exception, DataError)
    assert len(done.exception.problems) == 12
    assert not (tmp_path / "out").exists()
    done = build("--source", "starter", "--add", "starter", "--out", str(tmp_path / "out"))
    assert "only generated:DIR can be added" in str(done.exception)


def test_what_changed(batch: Path, tmp_path: Path) -> None:
    build("--source", "starter", "--out", str(tmp_path / "old"))
    build("--source", "starter", "--add", f"generated:{batch}", "--out", str(tmp_path / "new"))
    done = CliRunner().invoke(dataset, ["diff", str(tmp_path / "old"), str(tmp_path / "new")])
    assert "cases: 6 added, 0 removed, 0 changed, 112 as they were" in done.output
    assert "generated: 0 rows -> 12" in done.output
    same = CliRunner().invoke(dataset, ["diff", str(tmp_path / "new"), str(tmp_path / "new")])
    assert same.output == "nothing differs\n"
    told = json.loads(CliRunner().invoke(dataset, ["diff", f"{tmp_path}/new", f"{tmp_path}/old", "--json"]).output)
    assert (len(told["removed"]), told["added"], told["unchanged"]) == (6, [], 112)


def test_a_changed_case_is_named_with_its_columns(tmp_path: Path) -> None:
    other = [msgspec.structs.replace(STARTER[0], policy="Another.", stakes_if_caught="existential"), *STARTER[1:]]
    for name, cases in (("a", STARTER), ("b", other)):
        build_dataset(Records(cases=cases), [Source(kind="starter", content_hash=name)], tmp_path / name)
    found = diff_datasets(BuiltDataset.open(tmp_path / "a"), BuiltDataset.open(tmp_path / "b"))
    assert [(c.case_id, c.columns) for c in found.changed] == [(STARTER[0].case_id, ["policy", "stakes_if_caught"])]
    assert found.unchanged == len(STARTER) - 1


def test_cases_are_held_back(batch: Path, tmp_path: Path) -> None:
    arguments = ("--source", "starter", "--add", f"generated:{batch}", "--hold-out", "0.5", "--hold-out-seed", "3")
    done = build(*arguments, "--out", str(tmp_path / "d"))
    assert done.exit_code == 0, done.output
    public, private = BuiltDataset.open(tmp_path / "d"), BuiltDataset.open(tmp_path / "d-held-back")
    assert check_folder(public.path) == check_folder(private.path) == []
    kept = {case.case_id for case in read_generated(batch)[0].cases}
    mine, theirs = {c.case_id for c in public.cases()}, {c.case_id for c in private.cases()}
    assert theirs
    assert theirs < kept
    assert mine | theirs == {c.case_id for c in STARTER} | kept
    assert not mine & theirs
    # Nothing of what is held back stands in any table of the public part.
    for path in public.path.rglob("*.parquet"):
        assert not any(case_id.encode() in path.read_bytes() for case_id in theirs)
    for config in ("generated", "gates"):
        assert theirs.isdisjoint(public.table(config, "test").column("case_id").to_pylist())
    canary = canary_of(3)
    for built in (public, private):
        assert {c.canary for c in built.cases()} == {canary}
        assert canary in (built.path / "README.md").read_text()
        assert built.manifest.canary == canary
    assert private.manifest.held_back
    fronts = [yaml.safe_load((one.path / "README.md").read_text().split("---\n")[1]) for one in (public, private)]
    assert ["extra_gated_prompt" in front for front in fronts] == [False, True]
    assert "Do not publish them" in (private.path / "README.md").read_text()
    with pytest.raises(InputError, match="worth nothing once they are public"):
        publish(private.path, "alice/held", dry_run=True)
    # Nothing leaks here, and what was public before is found, also in other words.
    told = CliRunner().invoke(dataset, ["check", str(public.path), "--held-back", str(private.path)])
    assert f"none of the {len(theirs)} cases of {private.path} stands in it" in told.output
    arguments = ("--source", "starter", "--add", f"generated:{batch}", "--out", str(tmp_path / "earlier"))
    assert build(*arguments).exit_code == 0
    told = CliRunner().invoke(dataset, ["check", str(tmp_path / "earlier"), "--held-back", str(private.path)])
    assert (told.exit_code, told.output.count("is held back, and stands in")) == (2, len(theirs))
    told = CliRunner().invoke(dataset, ["check", str(public.path), "--held-back", str(public.path)])
    assert "its cases are not held back" in str(told.exception)
    # The mark is no part of what is asked: answers to both builds can be compared.
    unmarked = tmp_path / "plain"
    records = Records(cases=[c for c in [*STARTER, *read_generated(batch)[0].cases] if c.case_id in mine])
    build_dataset(records, [Source(kind="starter", content_hash="x")], unmarked)
    assert BuiltDataset.open(unmarked).cases_hash == public.cases_hash


def test_a_held_back_story_in_other_words_is_found(batch: Path, tmp_path: Path) -> None:
    records = read_generated(batch)[0]
    canary = canary_of(0)
    private = [msgspec.structs.replace(records.cases[0], canary=canary)]
    source = Source(kind="generated", content_hash="x")
    build_dataset(Records(cases=private), [source], tmp_path / "private", canary=canary, held_back=True)
    words = records.cases[0].user_query.split()
    other = msgspec.structs.replace(records.cases[0], case_id="other", user_query=" ".join(["Hello.", *words[8:]]))
    build_dataset(Records(cases=[other]), [source], tmp_path / "public")
    (found,) = find_leaks(BuiltDataset.open(tmp_path / "public"), BuiltDataset.open(tmp_path / "private"))
    assert found.where == f"case {records.cases[0].case_id!r}"
    assert "'other'" in found.what


def test_a_canary_that_is_missing_is_found(batch: Path, tmp_path: Path) -> None:
    records = read_generated(batch)[0]
    canary, source = canary_of(0), Source(kind="generated", content_hash="x")
    marked = [msgspec.structs.replace(case, canary=canary) for case in records.cases[1:]]
    build_dataset(Records(cases=[records.cases[0], *marked]), [source], tmp_path / "out", canary=canary)
    (problem,) = check_folder(tmp_path / "out")
    assert (problem.where, problem.what) == (
        f"cases: case {records.cases[0].case_id!r}",
        "does not carry the canary of the manifest",
    )


def test_who_is_held_back_does_not_hang_on_the_others(batch: Path) -> None:
    records = read_generated(batch)[0]
    whole = {c.case_id for c in hold_out(records, 0.5, 3).private.cases}
    fewer = Records(cases=records.cases[:4], generated=records.generated)
    assert {c.case_id for c in hold_out(fewer, 0.5, 3).private.cases} == whole & {c.case_id for c in fewer.cases}
    assert canary_of(3) == canary_of(3) != canary_of(4)
    with pytest.raises(InputError, match="Only generated cases can be held back"):
        hold_out(read_starter(), 0.5, 3)
    with pytest.raises(InputError, match="no case would be left"):
        hold_out(records, 0.999999, 3)


@pytest.mark.study
def test_the_studys_part_is_as_it_was(batch: Path, study_archive: Path, study_dataset: Path, tmp_path: Path) -> None:
    done = build("--source", str(study_archive), "--add", f"generated:{batch}", "--out", str(tmp_path / "d"))
    assert done.exit_code == 0, done.output
    old, new = BuiltDataset.open(study_dataset), BuiltDataset.open(tmp_path / "d")
    found = diff_datasets(old, new)
    assert (len(found.added), len(found.removed), len(found.changed)) == (6, 0, 0)
    assert new.table("generated", "test").num_rows == 1869 + 12
    # The paper's figures in the card are still those of the study alone.
    marker = "## The paper's figures, recomputed"
    cards = [(d.path / "README.md").read_text() for d in (old, new)]
    tables = [card[card.index(marker) :].split("\n\n")[2] for card in cards]
    assert tables[0] == tables[1]
    assert tables[0].count("\n") > 20
    assert "Of 1,869 generated cases, 1,290 remain" in cards[1]
