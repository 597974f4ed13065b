"""The transcripts, read: search, filters, pages, one transcript, one case with all its answers.

Connections are read-only and shared, one statement at a time; only what is shown is ever in memory.
A page is found by the number of the transcript it starts after, so the last page costs what the
first one does; the count of what a search finds stops at ``COUNT_CAP`` for the same reason. What words find
stands in the order of how well it fits, case by case; the order of the latest searches is kept.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import DEFLECTS, HARD_REFUSAL
from dataset_builder.errors import InputError
from space.store.search import Search, match_expression, terms_of
from space.store.tables import NOBODY
from space.store.transcript import FACETS, HEAD, Found, HumanLabel, JudgeEntry, OtherVerdict, Transcript
from space.store.words import Reading, read

PAGE_SIZE: Final = 20
COUNT_CAP: Final = 25_000
# How many answers are read at once where all are wanted.
WALKED: Final = 200
# How many searches are kept, each with the numbers that it finds.
_KEPT: Final = 64
# The request and the rule say more of what a case is about than an answer does, and the tags nothing.
_RANK: Final = "SELECT rowid, bm25(search, 4.0, 4.0, 1.0, 0.0) FROM search WHERE search MATCH ? LIMIT ?"

_COLUMNS: Final = (
    "t.no, c.case_id, m.slug, {response}, {reasoning}, v.response_type, v.engages, v.harm, v.unscored_reason, "
    "j.id, t.hit_token_cap, t.length, t.collected_at "
    "FROM transcripts t JOIN cases c ON c.no = t.case_no JOIN models m ON m.no = t.model_no "
    "JOIN texts x ON x.no = t.text_no JOIN verdicts v ON v.no = t.no AND v.judge_no = ? "
    "JOIN judges j ON j.no = v.judge_no"
)
_HEADS: Final = _COLUMNS.format(response=f"substr(x.text, 1, {HEAD})", reasoning="NULL")
_WHOLE: Final = _COLUMNS.format(response="x.text", reasoning="(SELECT r.text FROM texts r WHERE r.no = v.text_no)")
# Connections that are kept: each holds up to 2 MB of pages, and 40 threads may ask three stores.
_IDLE: Final = 4


class Store:
    """A store made by ``space.store.build``; safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Taken and put back at its end, which no other thread can come between.
        self._idle: list[sqlite3.Connection] = []
        self._codes: dict[int, dict[str, tuple[list[str], NDArray[np.int16]]]] = {}
        self._coding = threading.Lock()
        self._ranked = lru_cache(_KEPT)(self._rank)
        self._found = lru_cache(_KEPT)(self._find_all)
        self.reading = lru_cache(_KEPT)(self._read)
        try:
            meta = dict(self._all("SELECT key, value FROM meta"))
            self.total = int(meta["transcripts"])
            self.case_count = int(meta["cases"])
            self.configs = tuple(meta["configs"].split())
            self._stride = int(meta["models_per_case"])
            # By their slugs: the id of a model that came with the dataset, the name of one that was sent in.
            self.model_ids: dict[str, str] = dict(self._all("SELECT slug, model_id FROM models ORDER BY no"))
            self.models = tuple(self.model_ids)
            self.judges = tuple(
                JudgeEntry(*row) for row in self._all("SELECT no, id, judge, rubric FROM judges ORDER BY no")
            )
            self._number = {judge.id: judge.no for judge in self.judges}
            self._tags: dict[int, dict[str, dict[str, str]]] = {}
            self._counts: dict[int, dict[str, dict[str, int]]] = {}
            for facet, judge_no, value, tag, n in self._all("SELECT facet, judge_no, value, tag, n FROM facets"):
                for no in [judge_no] if judge_no != NOBODY else self._number.values():
                    self._tags.setdefault(no, {}).setdefault(facet, {})[value] = tag
                    self._counts.setdefault(no, {}).setdefault(facet, {})[value] = n
            self.case_counts: dict[str, dict[str, int]] = {}
            for label, value, n in self._all("SELECT label, value, n FROM case_counts"):
                self.case_counts.setdefault(label, {})[value] = n
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise InputError(f"{path}: is no store of transcripts, or a broken one ({error}); delete it") from error

    @property
    def judge_ids(self) -> tuple[str, ...]:
        """The judges by their ids; the first one is meant where none is named."""
        return tuple(judge.id for judge in self.judges)

    def judge_id(self, judge: str, rubric: str) -> str | None:
        """The id of a judge by its name and the version of its rubric; None where it has no verdict here."""
        return next((one.id for one in self.judges if (one.judge, one.rubric) == (judge, rubric)), None)

    def counts(self, judge: str | None = None) -> Mapping[str, Mapping[str, int]]:
        """For each facet how many transcripts have each value, by the verdicts of a judge."""
        return self._counts.get(self._judge_no(judge), {})

    def counts_of(self, search: Search) -> Mapping[str, Mapping[str, int]]:
        """For each facet how many answers each value has among those that all else of a search finds.

        Without words and filters, and where too many are found to count them, as ``counts``.
        """
        filters = {facet: values for facet, values in (search.filters or {}).items() if values}
        found: dict[str, Mapping[str, int]] = {}
        for facet in FACETS:
            others = {name: values for name, values in filters.items() if name != facet.id}
            expression = self._expression(replace(search, filters=others))
            numbers = None if expression is None else self._found(expression)
            if numbers is None:
                found[facet.id] = self.counts(search.judge).get(facet.id, {})
                continue
            values, codes = self._coded(self._judge_no(search.judge)).get(facet.id, ([], np.zeros(0, np.int16)))
            given = codes[numbers] if len(codes) else codes
            n = np.bincount(given[given >= 0], minlength=len(values))
            found[facet.id] = {value: int(n[place]) for place, value in enumerate(values)}
        return found

    def find(self, search: Search, *, after: int | None = None, before: int | None = None) -> Found:
        """The page after (or before) a transcript's number; the first page where neither is given."""
        expression, ranked = self._expression(search), _is_ranked(search)
        backwards = after is None and before is not None
        bound = before if backwards else after if after is not None else 0
        numbers = self._numbers(expression, bound or 0, backwards, PAGE_SIZE + 1, ranked)
        more = len(numbers) > PAGE_SIZE
        numbers = numbers[:PAGE_SIZE][:: -1 if backwards else 1]
        total, capped = self._count(expression)
        there = bool(numbers)
        return Found(
            rows=tuple(self._rows(numbers, self._judge_no(search.judge))),
            total=total,
            capped=capped,
            before=more if backwards else there and self._exists(expression, numbers[0], ranked, backwards=True),
            after=self._exists(expression, numbers[-1], ranked, backwards=False) if backwards and there else more,
        )

    def count(self, search: Search) -> tuple[int, bool]:
        """How many answers a search finds, and whether there are more than that."""
        return self._count(self._expression(search))

    def walk(self, search: Search, *, after: int = 0, whole: bool = False, size: int = WALKED) -> Iterator[Transcript]:
        """Everything that a search finds, in its order from the one after ``after`` on.

        ``whole`` gives answers and reasons as they are read alone; otherwise as they stand in lists. ``size`` are
        read at once.
        """
        expression, ranked = self._expression(search), _is_ranked(search)
        judge_no = self._judge_no(search.judge)
        while numbers := self._numbers(expression, after, backwards=False, limit=size, ranked=ranked):
            yield from self._rows(numbers, judge_no, whole=whole)
            after = numbers[-1]

    def neighbours(self, search: Search, no: int) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """The transcripts before and after one in what a search finds, each as (case id, model)."""
        expression = self._expression(search)
        names: list[tuple[str, str] | None] = []
        for backwards in (True, False):
            numbers = self._numbers(expression, no, backwards, 1, _is_ranked(search))
            names.append(self._name(numbers[0]) if numbers else None)
        return names[0], names[1]

    def transcript(self, case_id: str, model: str, judge: str | None = None) -> Transcript | None:
        """One transcript whole, with its human labels and all verdicts; None where there is none."""
        judge_no = self._judge_no(judge)
        # By its number: joined by names, SQLite reads every verdict there is.
        number = "(SELECT no FROM cases WHERE case_id = ?) * ? + (SELECT no FROM models WHERE slug = ?) + 1"
        rows = self._all(f"SELECT {_WHOLE} WHERE t.no = {number}", [judge_no, case_id, self._stride, model])
        return self._whole(rows[0], judge_no) if rows else None

    def answers(self, case_id: str, judge: str | None = None) -> tuple[Transcript, ...]:
        """All models' answers to a case as they stand in lists, in the order of ``models``."""
        found = self._all("SELECT no FROM cases WHERE case_id = ?", [case_id])
        if not found:
            return ()
        first = found[0][0] * self._stride + 1
        rows = self._all(
            f"SELECT {_HEADS} WHERE t.no BETWEEN ? AND ? ORDER BY t.no",
            [self._judge_no(judge), first, first + self._stride - 1],
        )
        return tuple(_transcript(row) for row in rows)

    def kinds(self, judge: str | None = None) -> list[tuple[str, str, str]]:
        """What every answer does by a judge, as case, model and answer type; without those that it gave no verdict."""
        return self._all(
            "SELECT c.case_id, m.slug, v.response_type FROM verdicts v JOIN transcripts t ON t.no = v.no "
            "JOIN cases c ON c.no = t.case_no JOIN models m ON m.no = t.model_no "
            "WHERE v.judge_no = ? AND v.response_type IS NOT NULL ORDER BY t.no",
            [self._judge_no(judge)],
        )

    def engaged_refusals(
        self, judge: str | None, *, longest: int, model: str | None = None
    ) -> Iterator[tuple[Case, Transcript]]:
        """Answers of at most ``longest`` characters that by a judge do not help, engage and name no harm, with cases.

        As they stand in lists, in the order of their numbers, of one model or of all, and none that used up its token
        limit.
        """
        wanted = "v.response_type IN (?, ?) AND v.engages = 1 AND v.harm = 0 AND t.hit_token_cap = 0 AND t.length <= ?"
        rows = self._all(
            f"SELECT {_HEADS} WHERE {wanted} AND (? IS NULL OR m.slug = ?) ORDER BY t.no",
            [self._judge_no(judge), DEFLECTS, HARD_REFUSAL, longest, model, model],
        )
        found = [_transcript(row) for row in rows]
        cases = self.cases_of(one.case_id for one in found)
        for one in found:
            yield cases[one.case_id], one

    def case(self, case_id: str) -> Case | None:
        """One case; None where there is none."""
        rows = self._all("SELECT data FROM cases WHERE case_id = ?", [case_id])
        return msgspec.json.decode(rows[0][0], type=Case) if rows else None

    def cases_of(self, case_ids: Iterable[str]) -> dict[str, Case]:
        """Some cases by their ids; those that there are."""
        wanted = list(dict.fromkeys(case_ids))
        rows = self._all(f"SELECT data FROM cases WHERE case_id IN ({','.join('?' * len(wanted))})", wanted)  # noqa: S608
        return {case.case_id: case for (data,) in rows for case in [msgspec.json.decode(data, type=Case)]}

    @cached_property
    def case_ids(self) -> tuple[str, ...]:
        """All cases by their ids, in the dataset's order."""
        return tuple(case_id for (case_id,) in self._all("SELECT case_id FROM cases ORDER BY no"))

    def human_labels(self, case_id: str) -> dict[str, tuple[HumanLabel, ...]]:
        """What people said of the answers to a case, by model; only models with such labels."""
        rows = self._all(
            "SELECT m.slug, l.reviewer, l.response_type, l.engages, l.harm FROM labels l "
            "JOIN transcripts t ON t.no = l.no JOIN cases c ON c.no = t.case_no JOIN models m ON m.no = t.model_no "
            "WHERE c.case_id = ? ORDER BY t.no, l.reviewer",
            [case_id],
        )
        found: dict[str, tuple[HumanLabel, ...]] = {}
        for model, reviewer, kind, engages, harm in rows:
            found[model] = (*found.get(model, ()), HumanLabel(reviewer, kind, bool(engages), bool(harm)))
        return found

    @cached_property
    def reviewers(self) -> tuple[str, ...]:
        """The people who labelled answers, by the names that they go by here."""
        return tuple(name for (name,) in self._all("SELECT DISTINCT reviewer FROM labels ORDER BY reviewer"))

    def said(self, judge: str | None = None, *, reviewer: str | None = None) -> dict[int, tuple[str, bool, bool]]:
        """All verdicts of a judge, or all labels of a reviewer, by the numbers of the answers.

        Answer type, whether it engages, whether it names a separate harm; without answers that have no verdict.
        """
        value: int | str
        if reviewer is None:
            where, value = "FROM verdicts WHERE response_type IS NOT NULL AND judge_no = ?", self._judge_no(judge)
        else:
            where, value = "FROM labels WHERE reviewer = ?", reviewer
        rows = self._all(f"SELECT no, response_type, engages, harm {where}", [value])
        return {no: (kind, bool(engages), bool(harm)) for no, kind, engages, harm in rows}

    def model_and_case(self, no: int) -> tuple[str, str]:
        """The model and the case of the answer with a number."""
        case_no, model_no = divmod(no - 1, self._stride)
        return self._model_numbers[model_no], self.case_ids[case_no]

    def numbered(self, numbers: Iterable[int], judge: str | None = None) -> tuple[Transcript, ...]:
        """Some answers by their numbers, as they stand in lists, in the order of their numbers."""
        wanted = list(numbers)
        rows = self._all(
            f"SELECT {_HEADS} WHERE t.no IN ({','.join('?' * len(wanted))}) ORDER BY t.no",
            [self._judge_no(judge), *wanted],
        )
        return tuple(_transcript(row) for row in rows)

    @cached_property
    def _model_numbers(self) -> dict[int, str]:
        return dict(self._all("SELECT no, slug FROM models"))

    def case_neighbours(self, case_id: str) -> tuple[str | None, str | None]:
        """The ids of the cases before and after one in the dataset's order."""
        return self._beside(case_id, "<", "DESC"), self._beside(case_id, ">", "ASC")

    def last(self) -> int:
        """A number after every transcript's: the bound of the last page."""
        return self.case_count * self._stride + 1

    def cases(self, *, subtype: str | None = None, start: int = 0, limit: int = PAGE_SIZE) -> tuple[Case, ...]:
        """Cases in the dataset's order, of one subtype or of all, from the ``start``-th on."""
        rows = self._all(
            "SELECT data FROM cases WHERE ? IS NULL OR subtype = ? ORDER BY no LIMIT ? OFFSET ?",
            [subtype, subtype, limit, start],
        )
        return tuple(msgspec.json.decode(data, type=Case) for (data,) in rows)

    def _read(self, text: str) -> Reading:
        """How a search text is read."""
        return read(text, lambda sql, values: self._all(sql, list(values)))

    def _expression(self, search: Search) -> str | None:
        reading = self.reading(search.text)
        return match_expression(search, self._tags.get(self._judge_no(search.judge), {}), reading.of)

    def _rows(self, numbers: Sequence[int], judge_no: int, *, whole: bool = False) -> list[Transcript]:
        """Some answers in the order of the numbers given."""
        places = ",".join("?" * len(numbers))
        rows = self._all(f"SELECT {_WHOLE if whole else _HEADS} WHERE t.no IN ({places})", [judge_no, *numbers])
        place = {no: at for at, no in enumerate(numbers)}
        return sorted(map(_transcript, rows), key=lambda one: place[one.no])

    def _rank(self, expression: str) -> array[int]:
        """What words find, the case that fits best first, and of its answers the one that fits best."""
        found = self._all(_RANK, [expression, COUNT_CAP + 1])
        best: dict[int, float] = {}
        for no, score in found:
            case_no = (no - 1) // self._stride
            best[case_no] = min(score, best.get(case_no, score))
        found.sort(key=lambda one: (best[(one[0] - 1) // self._stride], (one[0] - 1) // self._stride, one[1], one[0]))
        return array("q", (no for no, _ in found))

    def _find_all(self, expression: str) -> NDArray[np.int32] | None:
        """The numbers of all that is found; None where they are too many to be looked at for each facet."""
        rows = self._all("SELECT rowid FROM search WHERE search MATCH ? LIMIT ?", [expression, COUNT_CAP + 1])
        return None if len(rows) > COUNT_CAP else np.fromiter((no for (no,) in rows), np.int32, len(rows))

    def _coded(self, judge_no: int) -> dict[str, tuple[list[str], NDArray[np.int16]]]:
        """For each facet its values, and by the number of an answer which of them it has; -1 for none."""
        with self._coding:
            if judge_no not in self._codes:
                made = {}
                for facet, tags in self._tags.get(judge_no, {}).items():
                    codes = np.full(self.last() + 1, -1, np.int16)
                    for place, tag in enumerate(tags.values()):
                        rows = self._all("SELECT rowid FROM search WHERE search MATCH ?", [f'tags : "{tag}"'])
                        codes[np.fromiter((no for (no,) in rows), np.int64, len(rows))] = place
                    made[facet] = (list(tags), codes)
                self._codes[judge_no] = made
            return self._codes[judge_no]

    def _judge_no(self, judge: str | None) -> int:
        return self._number.get(judge or "", 0)

    def _numbers(
        self, expression: str | None, bound: int, backwards: bool, limit: int, ranked: bool = False
    ) -> list[int]:
        if ranked and expression is not None:
            order = self._ranked(expression)
            if backwards:
                end = order.index(bound) if bound in order else len(order)
                return order[max(0, end - limit) : end].tolist()[::-1]
            start = order.index(bound) + 1 if bound in order else 0
            return order[start : start + limit].tolist()
        sign, order_by = ("<", "DESC") if backwards else (">", "ASC")
        if expression is None:
            sql = f"SELECT no FROM transcripts WHERE no {sign} ? ORDER BY no {order_by} LIMIT ?"  # noqa: S608
            values: list[Any] = [bound, limit]
        else:
            sql = f"SELECT rowid FROM search WHERE search MATCH ? AND rowid {sign} ? ORDER BY rowid {order_by} LIMIT ?"  # noqa: S608
            values = [expression, bound, limit]
        return [no for (no,) in self._all(sql, values)]

    def _exists(self, expression: str | None, bound: int, ranked: bool, *, backwards: bool) -> bool:
        return bool(self._numbers(expression, bound, backwards, 1, ranked))

    def _count(self, expression: str | None) -> tuple[int, bool]:
        if expression is None:
            return self.total, False
        sql = "SELECT count(*) FROM (SELECT rowid FROM search WHERE search MATCH ? LIMIT ?)"
        ((n,),) = self._all(sql, [expression, COUNT_CAP + 1])
        return min(n, COUNT_CAP), n > COUNT_CAP

    def _name(self, no: int) -> tuple[str, str]:
        ((case_id, model),) = self._all(
            "SELECT c.case_id, m.slug FROM transcripts t JOIN cases c ON c.no = t.case_no "
            "JOIN models m ON m.no = t.model_no WHERE t.no = ?",
            [no],
        )
        return case_id, model

    def _beside(self, case_id: str, sign: str, order: str) -> str | None:
        rows = self._all(
            f"SELECT case_id FROM cases WHERE no {sign} (SELECT no FROM cases WHERE case_id = ?) "  # noqa: S608
            f"ORDER BY no {order} LIMIT 1",
            [case_id],
        )
        return rows[0][0] if rows else None

    def _whole(self, row: tuple[Any, ...], judge_no: int) -> Transcript:
        labels = self._all("SELECT reviewer, response_type, engages, harm FROM labels WHERE no = ?", [row[0]])
        others = self._all(
            "SELECT j.id, v.response_type, v.engages, v.harm FROM verdicts v JOIN judges j ON j.no = v.judge_no "
            "WHERE v.no = ? AND v.judge_no != ? AND v.response_type IS NOT NULL ORDER BY v.judge_no",
            [row[0], judge_no],
        )
        return replace(
            _transcript(row),
            labels=tuple(HumanLabel(r, kind, bool(e), bool(h)) for r, kind, e, h in labels),
            others=tuple(OtherVerdict(j, kind, bool(e), bool(h)) for j, kind, e, h in others),
        )

    def _all(self, sql: str, values: list[Any] | Mapping[str, Any] = ()) -> list[Any]:  # type: ignore[assignment]
        try:
            connection = self._idle.pop()
        except IndexError:
            # immutable: the file never changes once it has its name, so SQLite takes no lock at all.
            address = f"file:{quote(str(self.path.absolute()))}?mode=ro&immutable=1"
            connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()


def _is_ranked(search: Search) -> bool:
    """Whether a search has words, so that its answers stand in the order of how well they fit."""
    return bool(terms_of(search.text))


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _transcript(row: tuple[Any, ...]) -> Transcript:
    no, case_id, model, response, reasoning, kind, engages, harm, unscored, judge, capped, length, when = row
    return Transcript(
        no=no,
        case_id=case_id,
        model=model,
        response=response,
        reasoning=reasoning,
        response_type=kind,
        engages=_flag(engages),
        harm=_flag(harm),
        unscored_reason=unscored,
        judge=judge,
        hit_token_cap=bool(capped),
        length=length,
        collected_at=when,
    )
