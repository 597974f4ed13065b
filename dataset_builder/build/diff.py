"""What changed from one built dataset to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from dataset_builder.dataset.opened import BuiltDataset, data_path
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.tables import CONFIGS
from dataset_builder.wording import counted

_SHOWN = 10


class Changed(msgspec.Struct, frozen=True):
    """A case that both have, with the columns that differ."""

    case_id: str
    columns: list[str]


@dataclass
class Difference:
    """Old against new. Rows of configs are (old, new), for those whose tables differ in any way."""

    added: list[Case] = field(default_factory=list)
    removed: list[Case] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    unchanged: int = 0
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    facts: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether the two are the same, byte for byte, but for what their manifests say of themselves."""
        return not (self.added or self.removed or self.changed or self.rows or self.facts)

    def lines(self) -> Iterator[str]:
        """The difference in words."""
        if self.nothing:
            yield "nothing differs"
            return
        for name, (old, new) in self.facts.items():
            yield f"{name}: {old} -> {new}"
        yield (
            f"cases: {len(self.added):,} added, {len(self.removed):,} removed, {len(self.changed):,} changed, "
            f"{self.unchanged:,} as they were"
        )
        yield from _listed("added", self.added)
        yield from _listed("removed", self.removed)
        for column, n in sorted(Counter(c for case in self.changed for c in case.columns).items()):
            yield f"  {column} changed in {n:,}"
        for case in self.changed[:_SHOWN]:
            yield f"  ~ {case.case_id}: {', '.join(case.columns)}"
        if len(self.changed) > _SHOWN:
            yield f"  and {len(self.changed) - _SHOWN:,} more"
        for config, (was, now) in self.rows.items():
            yield (
                f"{config}: {counted(was, 'row')} -> {now:,}"
                if was != now
                else f"{config}: {counted(was, 'row')}, not the same ones"
            )

    def plain(self) -> dict[str, object]:
        """The difference for JSON: cases by their ids."""
        return {
            "added": [case.case_id for case in self.added],
            "removed": [case.case_id for case in self.removed],
            "changed": [msgspec.to_builtins(case) for case in self.changed],
            "unchanged": self.unchanged,
            "rows": {config: list(pair) for config, pair in self.rows.items()},
            "facts": {name: list(pair) for name, pair in self.facts.items()},
        }


def diff_datasets(old: BuiltDataset, new: BuiltDataset) -> Difference:
    """What changed. Raises InputError where a table cannot be read."""
    found = Difference()
    was, now = old.case_by_id, new.case_by_id
    found.added = [case for case in new.cases() if case.case_id not in was]
    found.removed = [case for case in old.cases() if case.case_id not in now]
    for case_id, case in was.items():
        if case_id not in now:
            continue
        columns = [name for name in Case.__struct_fields__ if getattr(case, name) != getattr(now[case_id], name)]
        if columns:
            found.changed.append(Changed(case_id, columns))
        else:
            found.unchanged += 1
    for config in CONFIGS:
        sizes, hashes = [], []
        for dataset in (old, new):
            entries = {s: dataset.manifest.files[data_path(config.name, s)] for s in dataset.splits(config.name)}
            sizes.append(sum(entry.rows or 0 for entry in entries.values()))
            hashes.append({s: entry.sha256 for s, entry in entries.items()})
        if hashes[0] != hashes[1]:
            found.rows[config.name] = (sizes[0], sizes[1])
    for name, first, second in (
        ("schema", old.manifest.schema_version, new.manifest.schema_version),
        ("cases hash", old.cases_hash[:12], new.cases_hash[:12]),
        ("sources", _sources(old), _sources(new)),
    ):
        if first != second:
            found.facts[name] = (first, second)
    return found


def _sources(dataset: BuiltDataset) -> str:
    return " + ".join(f"{source.kind} {source.content_hash[:12]}" for source in dataset.manifest.sources)


def _listed(what: str, cases: list[Case]) -> Iterator[str]:
    by_cell = Counter((case.origin, case.batch or "", case.defeat_family) for case in cases)
    for (origin, batch, family), n in sorted(by_cell.items()):
        yield f"  {n:,} {what}: {family}, {origin}{f' batch {batch}' if batch else ''}"
