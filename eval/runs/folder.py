"""The folder of a run: what was asked, what was answered, how it was judged.

| file | holds |
|---|---|
| ``run.json`` | a RunRecord: the dataset, the settings, and the judges with theirs |
| ``responses.jsonl`` | an Answer a line; a later one of a case supersedes an earlier failure |
| ``verdicts.jsonl`` | a Verdict a line; a later one of the same key supersedes an earlier one |
| ``translations.json`` | the requests by case, where they were translated |
| ``.lock`` | held by the one process that writes |

Both ``.jsonl`` files only grow, record by record, and are safe against a kill at any byte. Each is read
once, when it is first asked for, and what is appended afterwards is added to what was read.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from dataset_builder.dataset.opened import OpenedDataset, check_same_cases
from dataset_builder.dataset.records import Case
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import LOCK as LOCK
from dataset_builder.storage.files import held, is_unfinished, write_file
from dataset_builder.storage.foreign import BOM, is_litter, refuse_pointer
from dataset_builder.storage.record_file import HeldRecordFile
from dataset_builder.wording import counted
from eval.runs.answer import Answer
from eval.runs.other_forms import refuse_other_form
from eval.runs.run import FORMAT, JudgeRecord, Run, RunRecord
from eval.runs.verdict import Verdict, VerdictKey, hash_text

RUN, RESPONSES, VERDICTS = "run.json", "responses.jsonl", "verdicts.jsonl"
TRANSLATIONS: Final = "translations.json"
# A run of several answers to each case is a folder of runs with these names, one an epoch.
_EPOCH: Final = re.compile(r"epoch-([1-9][0-9]{0,5})")
_ROOM: Final = "max_tokens"
_MOVE: Final = "move this line to the run that it is of; its case is then asked here"


class RunFolder:
    """A run, opened to be read; ``writing`` adds to it."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self._asked = frozenset(record.settings.case_ids)
        # How many cases were added to those that run.json names; it is written with the first answer.
        self.grown = 0
        self._answers = HeldRecordFile(path / RESPONSES, Answer, self._stray)
        self._verdicts = HeldRecordFile(path / VERDICTS, Verdict, self._stray)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run. Raises InputError where there is none, DataError where ``run.json`` is damaged."""
        file = path / RUN
        if not file.is_file():
            refuse_other_form(path)
            if epochs := epochs_in(path):
                raise InputError(
                    f"{path}: holds {counted(len(epochs), 'epoch')} of a run, and one run is needed here. "
                    f"Name one, such as {epochs[0]}."
                )
            raise InputError(
                f"{path}: no run here (no {RUN}). Expected a folder that `blind-refusal eval run --out` made."
            )
        try:
            record = msgspec.json.decode(file.read_bytes().removeprefix(BOM), type=RunRecord)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            refuse_pointer(file)
            raise DataError("The run folder is damaged", [Problem(str(file), str(error))]) from None
        if record.format != FORMAT:
            raise InputError(
                f"{file}: format {record.format}, but this version reads format {FORMAT}. "
                "Use the version of blind-refusal that made the run."
            )
        return cls(path, record)

    @classmethod
    def create(cls, path: Path, record: RunRecord) -> Self:
        """A new run, or the one that is there if it has the same settings.

        Where the dataset has grown, and all cases are asked for as they were, the run that is there takes in the new
        ones (``grown``). Raises InputError where the folder holds a run with other settings, each of which is listed,
        or anything that is no run, and where the record could not be read again.
        """
        try:
            msgspec.json.decode(msgspec.json.encode(record), type=RunRecord)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise InputError(f"{path}: this run cannot be recorded ({error}). Give it other names or values.") from None
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file, where the folder of a run was expected. Give another --out.")
        path.mkdir(parents=True, exist_ok=True)
        if not (path / RUN).exists():
            with held(path, "this run"):
                # Asked again, as another process may have been quicker.
                if not (path / RUN).exists():
                    if any(p.name != LOCK and not is_unfinished(p) and not is_litter(p.name) for p in path.iterdir()):
                        raise InputError(f"{path}: not a run and not empty. Give a new or empty folder with --out.")
                    run = cls(path, record)
                    run._save()
                    return run
        run = cls.open(path)
        different = run.record.differences(record)
        if {problem.where for problem in different} == {"case_ids", "cases_hash"} and run.record.is_within(record):
            grown = cls(path, run.record.grown_to(record))
            grown.grown = len(record.settings.case_ids) - len(run.settings.case_ids)
            return grown
        if different:
            raise DataError(
                f"{path} holds a run with other settings, and answers to different questions must not be mixed. "
                "Give another --out, or the settings of that run",
                different,
            )
        return run

    @property
    def settings(self) -> Run:
        """All that decides an answer of this run."""
        return self.record.settings

    def check_dataset(self, dataset: OpenedDataset) -> None:
        """Raise InputError where a dataset holds other cases than those that this run was to ask.

        Raises DataError with every line of an answer to another question than the dataset's.
        """
        check_same_cases(dataset, self.record.dataset.cases_hash, f"The run {self.path}")
        known = dataset.built.case_by_id
        strange = next((case_id for case_id in self.settings.case_ids if case_id not in known), None)
        if strange is not None:
            raise InputError(f"{self.path}: asked cases that {dataset.name} does not hold, such as {strange}.")
        cases = self.cases(dataset)
        asked = {case_id: hash_text(cases[case_id].user_query) for case_id in self._asked}
        if all(answer.query_hash == asked[answer.case_id] for answer in self._answers):
            return
        problems = [
            Problem(f"{self._answers.path}:{number}", f"case {answer.case_id}: an answer to another question", _MOVE)
            for number, answer in self._answers.numbered()
            if answer.query_hash != asked[answer.case_id]
        ]
        raise DataError(f"{self.path} holds answers to questions that {dataset.name} does not ask", problems)

    def cases(self, dataset: OpenedDataset) -> Mapping[str, Case]:
        """The dataset's cases by id; those of this run with their requests as they were asked, if that is translated.

        Raises DataError where the translations are not those that were asked.
        """
        known = dataset.built.case_by_id
        language = self.settings.language
        if language is None:
            return known
        file = self.path / TRANSLATIONS
        try:
            texts = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError("The translations of a run cannot be read", [Problem(str(file), str(error))]) from None
        if hash_translations(texts) != self.settings.translations:
            raise DataError(
                "The translations of a run are not those that were asked", [Problem(str(file), "was changed")]
            )
        return known | {
            case_id: msgspec.structs.replace(known[case_id], user_query=text, language=language)
            for case_id, text in texts.items()
            if case_id in known
        }

    def keep_translations(self, texts: Mapping[str, str]) -> None:
        """Write down the requests as they are asked, where they are translated and not written down yet."""
        file = self.path / TRANSLATIONS
        if not file.is_file():
            write_file(file, msgspec.json.format(msgspec.json.encode(texts), indent=1) + b"\n")

    def _stray(self, line: Answer | Verdict) -> str | None:
        return None if line.case_id in self._asked else f"case {line.case_id[:100]!r} is none that this run asks"

    @property
    def answers(self) -> dict[str, Answer]:
        """The answer that counts of each case that has one, in the order in which they came."""
        counting: dict[str, Answer] = {}
        for answer in self._answers:
            known = counting.get(answer.case_id)
            # A later failure does not take an answer away.
            if known is None or answer.ok or not known.ok:
                counting.pop(answer.case_id, None)
                counting[answer.case_id] = answer
        return counting

    def every_answer(self) -> Iterator[Answer]:
        """All records, those that no longer count too: what was paid for."""
        return iter(self._answers)

    def statuses(self) -> dict[str, str]:
        """The status of each case that has an answer or a failure."""
        return {case_id: answer.status for case_id, answer in self.answers.items()}

    def verdicts(self, judge: str | None = None, rubric: str | None = None) -> list[Verdict]:
        """The verdicts on the answers that count now, of one judge and rubric or of all; the newest of each key."""
        answers, newest = self.answers, dict[VerdictKey, Verdict]()
        for verdict in self._verdicts:
            answer = answers.get(verdict.case_id)
            if (
                answer is not None
                and answer.response_hash == verdict.response_hash
                and judge in (None, verdict.judge)
                and rubric in (None, verdict.rubric)
            ):
                newest.pop(verdict.key, None)
                newest[verdict.key] = verdict
        return list(newest.values())

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Be the one process that writes to this run.

        Raises InputError where another one is. A cut-off last line is set aside before the first one is added.
        """
        with held(self.path, "this run"), self._answers.appending(), self._verdicts.appending():
            if self.grown:
                self._save()
                self.grown = 0
            yield self

    def append_answer(self, answer: Answer) -> None:
        """Add one answer; only inside ``writing``."""
        self._answers.append(answer)

    def append_new(self, answers: Iterable[Answer]) -> None:
        """Add those answers that this run does not hold word for word; only inside ``writing``."""
        there = self.answers
        for answer in answers:
            held = there.get(answer.case_id)
            if held is None or (held.status, held.response_hash) != (answer.status, answer.response_hash):
                self.append_answer(answer)

    def append_verdict(self, verdict: Verdict) -> None:
        """Add one verdict; only inside ``writing``."""
        self._verdicts.append(verdict)

    def record_judge(self, judge: JudgeRecord) -> None:
        """Note a judge of this run; only inside ``writing``.

        How much room a reply had decides whether there is a verdict, and not which: the newest is noted.
        Raises DataError where the same judge and rubric already judged here with other settings.
        """
        for place, known in enumerate(self.record.judges):
            if known.key == judge.key:
                names = sorted({*known.settings, *judge.settings} - {_ROOM})
                different = [
                    Problem(n, f"{known.settings.get(n)!r} there, {judge.settings.get(n)!r} asked for now")
                    for n in names
                    if known.settings.get(n) != judge.settings.get(n)
                ]
                if different:
                    raise DataError(
                        f"{self.path}: {judge.judge} already judged this run with other settings. "
                        "Use those, or judge a copy of the folder",
                        different,
                    )
                if known.settings != judge.settings:
                    judges = [*self.record.judges]
                    judges[place] = judge
                    self.record = msgspec.structs.replace(self.record, judges=judges)
                    self._save()
                return
        self.record = msgspec.structs.replace(self.record, judges=[*self.record.judges, judge])
        self._save()

    def _save(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.record), indent=2) + b"\n"
        write_file(self.path / RUN, text)


def hash_translations(texts: Mapping[str, str]) -> str:
    """SHA-256 over translated requests, in the order of their cases' ids."""
    return hash_text(json.dumps(sorted(texts.items())))


# Several answers to each case: a folder that holds a run for each epoch.


def epoch_folder(path: Path, epoch: int) -> Path:
    """Where an epoch of the run in a folder is."""
    return path / f"epoch-{epoch}"


def epochs_in(path: Path) -> list[Path]:
    """The folders of a run's epochs, in their order; empty where the folder is one run, or none."""
    if (path / RUN).is_file() or not path.is_dir():
        return []
    found = ((_EPOCH.fullmatch(one.name), one) for one in path.iterdir() if (one / RUN).is_file())
    return [one for _, one in sorted((int(name[1]), one) for name, one in found if name)]


def holds_run(path: Path) -> bool:
    """Whether a folder is a run, or holds the epochs of one."""
    return (path / RUN).is_file() or bool(epochs_in(path))


def open_runs(path: Path) -> list[RunFolder]:
    """The run in a folder, or all epochs that it holds, in their order.

    Raises InputError as ``RunFolder.open``, DataError where epochs differ in more than number and seed.
    """
    epochs = [RunFolder.open(one) for one in epochs_in(path)]
    if not epochs:
        return [RunFolder.open(path)]
    first = epochs[0]
    for one in epochs[1:]:
        different = [at for at in first.record.differences(one.record) if at.where not in ("epoch", "seed")]
        if different:
            raise DataError(f"{one.path} is no epoch of the same run as {first.path}: its settings differ", different)
    return epochs
