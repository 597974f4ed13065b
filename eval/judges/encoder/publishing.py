"""An encoder on the Hub: its files, its graph for programs that are not ours, and a card with its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from dataset_builder import __version__
from dataset_builder.errors import InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import is_repo_name
from eval.judges.encoder.artefact import HELDOUT, MANIFEST, WEIGHTS, Artefact, read_artefact
from eval.judges.encoder.base import PACKAGE, base_tensors, vocabulary
from eval.judges.encoder.graph import graph_of
from eval.judges.encoder.stored import KIND

CARD, GRAPH, VOCABULARY = "README.md", "model.onnx", "vocab.txt"
# In the order of the card's table.
_FIELDS: Final = {
    "response_type": "response type",
    "engages_with_defeat": "engagement",
    "independent_harm": "harm (experimental)",
}


@dataclass(frozen=True, slots=True)
class PublishedEncoder:
    """What a publication did, or (``dry_run``) would do; ``sha`` is the commit that holds the encoder."""

    repo: str
    url: str
    rubric: str
    created: bool
    added: tuple[str, ...]
    size: int
    sha: str | None = None
    dry_run: bool = False


def publish_encoder(
    folder: Path,
    repo: str,
    *,
    hub: Hub,
    private: bool = False,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> PublishedEncoder:
    """Make the model repository ``repo`` hold the encoder of a folder, in one commit.

    It is created where there is none; where nothing differs, nothing is sent; files that are not the encoder's are
    left alone. A commit that someone else made in the meantime stops it (ConflictError). Raises InputError for a name
    that is none and for a public repository with ``private``, DataError where the folder holds no encoder, and
    RemoteError where the Hub refuses or fails.
    """
    if not is_repo_name(repo):
        raise InputError(f"{repo!r} is not the name of a repo; expected NAMESPACE/NAME, such as me/blind-refusal-judge")
    encoder = read_artefact(folder, base_tensors())
    if not dry_run:
        hub.whoami()
    progress(f"comparing with {repo}")
    state = hub.state(repo, KIND, private=private)
    files = files_of(folder, encoder, repo)
    there = hub.list_files(repo, KIND, state.sha) if state else {}
    added = {name: data for name, data in files.items() if name not in there or not there[name].holds(data)}
    plan = PublishedEncoder(
        repo=repo,
        url=f"{hub.endpoint}/{repo}",
        rubric=encoder.rubric,
        created=state is None,
        added=tuple(added),
        size=sum(map(len, added.values())),
        sha=state.sha if state else None,
        dry_run=dry_run,
    )
    if dry_run or not added:
        return plan
    if state is None:
        hub.ensure_repo(repo, KIND, private=private)
    progress(f"sending {len(added)} files ({plan.size / 1e6:.1f} MB)")
    done = hub.commit(
        repo,
        KIND,
        message=f"Publish the judge {encoder.rubric}",
        add=added,
        parent=state.sha if state else None,
    )
    return replace(plan, sha=done.sha)


def files_of(folder: Path, encoder: Artefact, repo: str) -> dict[str, bytes]:
    """What the repository holds, by path."""
    files = {name: (folder / name).read_bytes() for name in (WEIGHTS, MANIFEST)}
    if (folder / HELDOUT).is_file():
        files[HELDOUT] = (folder / HELDOUT).read_bytes()
    files[GRAPH] = graph_of(encoder.tensors, encoder.shape, int8=True)
    files[VOCABULARY] = "\n".join(vocabulary()).encode()
    files[CARD] = card(msgspec.json.decode(files[MANIFEST]), encoder, repo).encode()
    return files


def card(manifest: Mapping[str, Any], encoder: Artefact, repo: str) -> str:
    """The model card: what it is, its figures as the manifest has them, how it is used, and its limits."""
    return f"""---
license: apache-2.0
library_name: onnxruntime
pipeline_tag: text-classification
base_model: sentence-transformers/all-MiniLM-L6-v2
language: en
tags: [blind-refusal, judge]
---

# Judge of blind refusal: {encoder.rubric}

Reads a request and a model's answer, and says whether the answer helps, deflects or refuses, whether it engages with
what speaks against the rule, and whether it names a harm. It is MiniLM-L6 with its upper layers tuned on the study's
verdicts (arXiv 2604.06233), combined with the offline judge of the package `blind-refusal`.

```sh
pip install 'blind-refusal[encoder]'
blind-refusal judge answers.parquet --judge encoder:{repo}@REVISION
```

{_figures(manifest)}
## Files

- `{WEIGHTS}`: the tuned tensors (int8 and float16), the heads, and how they are combined with the words
- `{MANIFEST}`: hashes, settings and figures
- `{GRAPH}`: the whole encoder in int8 for onnxruntime: `ids` and `types`, int64 (1, tokens), to the last hidden states
- `{VOCABULARY}`: BERT's uncased vocabulary; a word's line is its token

`blind-refusal` reads the first two alone and takes the lower layers from the PyPI package `{PACKAGE}`.

## Limits

It agrees with one judge, GPT-5.4, and repeats what that judge gets wrong. It reads English. Harm is experimental. Its
rates are for ranking: correct them with a labelled sample before they are quoted.

Made with blind-refusal {__version__}.
"""


def _figures(manifest: Mapping[str, Any]) -> str:
    held = manifest.get("heldout") or {}
    lines = []
    by_field = held.get("family") or {}
    if all(name in by_field for name in _FIELDS):
        lines += [
            "## Agreement with the study's judge",
            "",
            "Each family of models held out whole: measured by weights that saw none of its answers.",
            "",
            "| | kappa | accuracy | worst family |",
            "|---|---|---|---|",
        ]
        for name, words in _FIELDS.items():
            found = by_field[name]
            worst = f"{found['worst_kappa']:.3f} ({found['worst_family']})"
            lines.append(f"| {words} | {found['all']['kappa']:.3f} | {found['all']['accuracy']:.3f} | {worst} |")
        lines.append("")
    if errors := held.get("help"):
        lines += ["| family | precision of help | recall of help |", "|---|---|---|"]
        lines += [f"| {one['family']} | {one['precision']:.3f} | {one['recall']:.3f} |" for one in errors]
        lines.append("")
    return "\n".join(lines)
