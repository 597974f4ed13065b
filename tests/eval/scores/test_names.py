"""Long names of models in narrow tables: two lines at most, no two alike, and whole from 80 columns on."""

from __future__ import annotations

import io

from rich.console import Console

from eval.scores.terminal import Column, FittedTable, shortened

GLM, GROK = "openrouter/z-ai/glm-5-air-2026-04-instruct", "openrouter/x-ai/grok-4"


def test_the_organization_goes_first_and_then_the_middle() -> None:
    # Whole it would be "glm-5-air-", "2026-04-" and "instruct"; so it is "glm-5-air-20…-" and "04-instruct".
    assert shortened([GLM, GROK], 14) == {GLM: "glm-5-air-20…-04-instruct", GROK: "grok-4"}
    assert shortened(["short", "a/b"], 14) == {}
    # What stands in brackets is no organization.
    assert shortened([f"{GROK} (runs/a)", f"{GROK} (runs/b)"], 10) == {
        f"{GROK} (runs/a)": "grok-4 (runs/a)",
        f"{GROK} (runs/b)": "grok-4 (runs/b)",
    }


def test_no_two_names_become_one() -> None:
    # Without their organization they would be the same.
    same = "model-with-a-long-name-indeed-0401"
    found = shortened([f"acme/{same}", f"zeta/{same}"], 12)
    assert found[f"acme/{same}"].startswith("acme/")
    assert found[f"zeta/{same}"].startswith("zeta/")
    # Without their middle they would be: they stay whole.
    names = [f"a-long-beginning-{middle}-and-a-long-end" for middle in ("one", "two")]
    assert shortened(names, 10) == {}


def shown(width: int) -> list[str]:
    columns = [Column("Rank"), Column("Model", words=True, name=True), *(Column(f"Rate {n}") for n in range(5))]
    table = FittedTable("A table", columns)
    for name in (GLM, GROK, "alpha"):
        table.add_row("1", name, *["100.0"] * 5)
    page = Console(width=width, file=io.StringIO(), highlight=False, markup=False)
    page.print(table)
    return page.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_table_says_that_names_are_shortened() -> None:
    narrow, wide = shown(60), shown(80)
    assert "Names are shortened; a wider terminal shows them whole." in narrow
    assert not any("openrouter" in line for line in narrow)
    # Words of one name stand under each other.
    column = [line[6:45] for line in wide if "Rate" not in line]
    assert GLM in "".join("".join(column).split())
    assert not any("…" in line or "shortened" in line for line in wide)
