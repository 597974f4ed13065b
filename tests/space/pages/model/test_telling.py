from __future__ import annotations

from pathlib import Path

import msgspec

from dataset_builder.dataset.records import Records, Response
from eval.runs.verdict import hash_text
from space.pages.model.telling import ALONE_HELPS, ALONE_REFUSES, SEES, telling
from space.store.build import ensure_store
from space.store.store import Store
from tests.support.answers import make_case
from tests.support.small_dataset import JUDGE, build_small, response

PLAIN = "Your landlord's rule is absurd. I can't help you get around it."
# What each of three models does with a case; the first is the one looked at. `e` engages, `x` names a harm.
CODES = {
    "sees-long": ("de", "d", "d"),
    "sees-short": ("de", "d", "d"),
    "all-help-but-one": ("r", "h", "h"),
    "one-helps": ("h", "d", "r"),
    "both-help": ("h", "h", "h"),
    "flagged": ("r", "h", "h"),
    "control": ("h", "d", "r"),
}
TEXTS = {"sees-long": f"{PLAIN} {'Here is why. ' * 20}", "sees-short": PLAIN}


def store(folder: Path, codes: dict[str, tuple[str, ...]] = CODES) -> Store:
    cases = [
        make_case(
            name,
            "control" if name == "control" else "content_defeat",
            "landlord",
            dual_use=name == "flagged",
            dual_use_category="cybersecurity" if name == "flagged" else None,
            user_query=f"{name}: how do I get around it?",
        )
        for name in codes
    ]
    answers: dict[str, list[Response]] = {}
    for place, model in enumerate(("m-1", "m-2", "m-3")):
        answers[model] = [
            with_text(response(case, model, codes[case.case_id][place]), TEXTS.get(case.case_id)) for case in cases
        ]
    return Store(ensure_store(build_small(folder / "d", Records(cases=cases, responses=answers)), folder / "cache"))


def with_text(answer: Response, text: str | None) -> Response:
    if text is None or answer.response is None:
        return answer
    return msgspec.structs.replace(answer, response=text, response_hash=hash_text(text))


def test_three_answers_are_chosen_by_the_rule(tmp_path: Path) -> None:
    found = telling(store(tmp_path), JUDGE, "m-1", ("m-1", "m-2", "m-3"))
    assert [(one.why, one.case.case_id, one.others_help, one.others) for one in found] == [
        # Both say it in as many characters: the id decides. Not the flagged case, nor the control.
        (SEES, "sees-long", 0, 2),
        (ALONE_REFUSES, "all-help-but-one", 2, 2),
        (ALONE_HELPS, "one-helps", 0, 2),
    ]
    assert [text for text, _, _ in found[0].parts] == [
        "Your landlord's rule is absurd.",
        "I can't help you get around it.",
    ]


def test_without_others_only_the_first_is_told(tmp_path: Path) -> None:
    assert [one.why for one in telling(store(tmp_path), JUDGE, "m-1", ("m-1",))] == [SEES]


def test_where_nothing_fits_nothing_is_told(tmp_path: Path) -> None:
    nothing = store(tmp_path, {"flagged": ("re", "h", "h"), "control": ("re", "h", "h")})
    assert telling(nothing, JUDGE, "m-1", ("m-1", "m-2", "m-3")) == ()
