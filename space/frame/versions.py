"""Which versions of the dataset and of the results a page shows: links that name them, and what is said of others.

A link with ``at=RESULTS-DATASET`` was made for those versions. Where they are the ones shown nothing is said; where
not, what is shown, and where the others can still be seen: on the Hub every version stays, of a folder none does.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Final

import gradio as gr
from markupsafe import Markup

from dataset_builder.hub.client import ENDPOINT
from eval.repository.leaderboard import Board
from space.data.data import SpaceData
from space.ui.names import spoken
from space.ui.templates import counted, template

AT: Final = "at"
# Where a request carries the data of the version that its address pins.
PINNED: Final = "blind_refusal.pinned"
_SHORT: Final = 12
_PIN: Final = re.compile(r"([0-9a-z]{4,64})-([0-9a-z]{4,64})")
_fill = template("frame/page.html.j2")


def pin(data: SpaceData) -> str:
    """The versions that are shown, as ``at`` names them: commits of the Hub whole, others by their beginning."""
    return f"{_results(data)}-{_dataset(data)}"


def version_told(data: SpaceData, request: gr.Request) -> Markup:
    """What is said where an address names other versions than those shown; else nothing."""
    found = _PIN.fullmatch(str(dict(request.query_params).get(AT, "")))
    if found is None or found[0] == pin(data):
        return Markup()
    hub = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    parts = []
    for what, asked, shown, repo in (
        ("results", found[1], _results(data), data.results_hub_id),
        ("dataset", found[2], _dataset(data), data.dataset_hub_id),
    ):
        if asked != shown:
            href = f"{hub}/datasets/{repo}/tree/{asked}" if repo else None
            parts.append({"what": what, "asked": asked[:_SHORT], "shown": shown[:_SHORT], "repo": repo, "href": href})
    names = [f"--dataset {data.dataset_hub_id}@{found[2]}" if data.dataset_hub_id else None]
    names += [f"--results {data.results_hub_id}@{found[1]}" if data.results_hub_id else None]
    return _fill("version", parts=parts, command=" ".join(name for name in names if name))


def citation(data: SpaceData, board: Board) -> str:
    """A BibTeX entry of a board as it stands: judge and cases, the board's id, the versions, and the day."""
    today = datetime.now(UTC).date()
    source = data.results_hub_id or "results folder"
    note = (
        f"Board {board.id}, rubric {board.rubric}; results {_results(data)[:_SHORT]} of {source}, "
        f"dataset {_dataset(data)[:_SHORT]} of {board.hub_id or board.dataset}; as of {today.isoformat()}"
    )
    title = f"Blind refusal leaderboard: {spoken(board.judge)}, {counted(board.n_cases, 'case')}"
    fields = {"title": _tex(title), "note ": _tex(note), "year ": str(today.year)}
    return ",\n".join(["@misc{blindrefusalboard", *(f"  {name} = {{{text}}}" for name, text in fields.items())]) + "\n}"


def _results(data: SpaceData) -> str:
    return data.now.version if data.results_hub_id else data.now.version[:_SHORT]


def _dataset(data: SpaceData) -> str:
    if data.dataset_revision:
        return data.dataset_revision
    return data.built.cases_hash[:_SHORT] if data.built else "unknown"


def _tex(text: str) -> str:
    """A text without what would end the entry that it stands in."""
    return re.sub(r"[{}\\]", "", text)
