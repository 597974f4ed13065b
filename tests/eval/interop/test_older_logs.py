"""Logs that earlier versions of Inspect wrote, of our task with a scripted model: kept in ``logs``, 3 samples each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import InputError
from eval.interop.import_log import import_log
from eval.interop.inspect_log import OLDEST
from tests.support.inspect_models import rewritten
from tests.support.small_dataset import build_small

LOGS = Path(__file__).parent / "logs"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    return build_small(tmp_path_factory.mktemp("small") / "dataset")


@pytest.mark.parametrize("log", sorted(LOGS.iterdir()), ids=lambda path: path.name)
def test_a_log_of_an_earlier_version_becomes_a_run(log: Path, dataset: BuiltDataset, tmp_path: Path) -> None:
    made = import_log(log, dataset=str(dataset.path), out=tmp_path / "run")
    version = re.sub(r"inspect-|\.(json|eval)$", "", log.name)
    assert made.run.settings.engine == f"inspect_ai {version}"
    answers = [(one.status, one.response, one.reasoning) for one in made.run.answers.values()]
    assert answers == [
        ("truncated_answer", "half", None),
        ("ok", "yes", "Well now."),
        ("ok", "I would rather not", None),
    ]
    # 7 tokens and 10 from the cache.
    assert made.run.answers["content_defeat:school:1"].prompt_tokens == 17
    assert [one.labels for one in made.run.verdicts()] == [("helps", False, False), ("hard_refusal", False, False)]
    assert made.notes == []


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("0.3.40", f"made with inspect_ai 0.3.40, which is too old: logs of {OLDEST} and newer are read"),
        ("0.9.1", r"made with inspect_ai 0.9.1, newer than .* here: update it"),
        (OLDEST, f"made with inspect_ai {OLDEST}."),
    ],
)
def test_a_log_that_cannot_be_read_names_the_version_that_made_it(tmp_path: Path, version: str, says: str) -> None:
    def change(content: dict[str, Any]) -> None:
        content["eval"]["packages"]["inspect_ai"] = version
        content["samples"][0]["output"] = "as it was written once"

    with pytest.raises(InputError, match=says):
        import_log(rewritten(LOGS / "inspect-0.3.275.json", tmp_path / "old.json", change))


def test_the_oldest_version_is_the_one_that_the_package_asks_for() -> None:
    assert f"inspect_ai>={OLDEST},<" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {json.loads(log.read_text())["eval"]["packages"]["inspect_ai"] for log in LOGS.glob("*.json")} >= {OLDEST}
