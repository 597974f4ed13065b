"""Tables that people edit in a spreadsheet: read in the ways that spreadsheets save them, written so that no cell acts.

A sheet is CSV (commas, semicolons or tabs; UTF-8, UTF-16 or a Western European code page; with or without a ``sep=``
line), JSON lines (``.jsonl``, ``.ndjson``) or one JSON list (``.json``, which may hold JSON lines too). Header case,
blanks around values and empty rows mean nothing. What was lost when the file was saved is named with its cause.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import BOM, refuse_pointer
from dataset_builder.wording import counted

JSON_LINES: Final = (".jsonl", ".ndjson")
MOST_BYTES: Final = 256 * 1024 * 1024
_FEWEST_BYTES: Final = 8
_CSV_NAMES: Final = (".csv", ".tsv", ".tab")
# Files that begin so are no text, whatever they are called.
_PACKED: Final = {
    b"PK\x03\x04": "a workbook or a zip, and no text. Save it as 'CSV UTF-8', or unpack it",
    b"\xd0\xcf\x11\xe0": "an old workbook, and no text. Save it as 'CSV UTF-8'",
    b"\x1f\x8b": "is packed by gzip. Unpack it first",
    b"%PDF": "a page to print, and no table. Save the table itself as 'CSV UTF-8'",
    b"{\\rtf": "a text document, and no table. Save the table itself as 'CSV UTF-8'",
    b"ID;P": "is in an old form of workbooks (SYLK). Save it as 'CSV UTF-8'",
}
_DELIMITERS: Final = (",", ";", "\t")
# A spreadsheet takes a cell that begins so for a formula; the fullwidth ones some take, by their language.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_SCIENTIFIC: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)
# As spreadsheets write them in the languages of Europe, from English to Ukrainian; then as people do.
# fmt: off
_YES: Final = frozenset({
    "true", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar", "cert", "adevărat", "sant", "sann", "sand",
    "tosi", "tõene", "teisinga", "pravda", "prawda", "istina", "igaz", "doğru", "αληθησ", "истина", "істина",
    "yes", "y", "t", "1", "1.0", "1,0", "1,00", "1.00", "ja", "oui", "sí", "sì", "si", "sim", "ano", "tak", "да",
})
_NO: Final = frozenset({
    "false", "falsch", "faux", "falso", "onwaar", "fals", "falskt", "usann", "falsk", "epätosi", "väär", "klaidinga",
    "nepravda", "fałsz", "neistina", "hamis", "yanlış", "yanliş", "ψευδησ", "ложь", "хибність",
    "no", "n", "f", "0", "0.0", "0,0", "0,00", "0.00", "nein", "non", "não", "nao", "nee", "nej", "nei", "нет",
})
# fmt: on
# What trimming leaves at the edge of a cell, and nobody sees.
_UNSEEN: Final = " \t\r\n\u00a0\u200b\u200c\u200d\u2060\ufeff"


class Row(NamedTuple):
    """One row: the line on which it ends in the file, its values by column, blanks trimmed, and where that is."""

    line: int
    values: dict[str, Any]
    where: str


def read_sheet(
    path: Path, needed: Sequence[str], *, exact: Collection[str] = (), likely: Collection[str] = ()
) -> list[Row]:
    """The rows of a sheet that have any value.

    ``needed`` are columns that a CSV must have, ``likely`` those by which its separator is told too. Of the columns
    ``exact`` the text is kept to the letter: nothing is trimmed, and no byte of it may be lost. Raises InputError where
    the file cannot be read as a table, DataError where columns are missing or rows are damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes; a sheet of at most {MOST_BYTES:,} is read.")
    refuse_pointer(path)
    data = path.read_bytes()
    suffix = path.suffix.lower()
    is_json = suffix in (*JSON_LINES, ".json") or (
        suffix not in _CSV_NAMES and data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")
    )
    text = decoded(path, data, utf_alone=is_json, whole=bool(exact)).lstrip("\ufeff")
    if text.lstrip()[:1] == "<":
        raise InputError(
            f"{path}: is a page or XML (some programs call it .xls), and no table. Save it as 'CSV UTF-8'."
        )
    problems: list[Problem] = []
    if suffix in JSON_LINES:
        rows = list(_json_lines(path, text, problems))
    elif is_json:
        rows = list(_json(path, text, problems))
    else:
        rows = list(_csv(path, text, needed, likely, problems))
    if problems:
        raise DataError(f"{path} cannot be read as a table", problems)
    trimmed = (row._replace(values=_trimmed(row.values, exact)) for row in rows)
    return [row for row in trimmed if any(value not in (None, "") for value in row.values.values())]


def decoded(path: Path, data: bytes, *, utf_alone: bool = False, whole: bool = False) -> str:
    """A file's text: by its byte order mark, as UTF-8, or as Western European unless ``utf_alone``.

    With ``whole`` no byte may be lost. Raises InputError where it is no text of these kinds.
    """
    for mark, what in _PACKED.items():
        if data.startswith(mark):
            raise InputError(f"{path}: {what}.")
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encoding = "utf-32"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif (wide := _wide_without_mark(data)) is not None:
        encoding = wide
    elif data.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    else:
        encoding = "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or utf_alone or b"\0" in data:
            line, wanted = data.count(b"\n", 0, error.start) + 1, "UTF-8" if utf_alone else "'CSV UTF-8'"
            raise InputError(
                f"{path}: is not text that can be read ({error.reason} at byte {error.start:,}, line {line:,}). "
                f"Save it as {wanted}."
            ) from None
    # What Excel writes as plain CSV in Western Europe. Ids and labels are ASCII, so only accents in prose hang on it.
    try:
        return data.decode("cp1252", errors="strict" if whole else "replace")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is neither UTF-8 nor Western European text (byte {error.start:,}). Save it as 'CSV UTF-8'."
        ) from None


def _wide_without_mark(data: bytes) -> str | None:
    """The kind of UTF-16 that a text is in, where it does not say so; every other byte of its beginning is 0."""
    head = data[:64]
    if len(head) < _FEWEST_BYTES or len(data) % 2:
        return None
    if not any(head[1::2]) and all(head[::2]):
        return "utf-16-le"
    return "utf-16-be" if not any(head[::2]) and all(head[1::2]) else None


def read_text(file: Path, option: str) -> str:
    """The text of a file that an option names. Raises InputError where it cannot be read as one."""
    try:
        return decoded(file, file.read_bytes()).removeprefix("\ufeff")
    except OSError as error:
        raise InputError(f"{option}: {file} cannot be read ({error.strerror}).") from None


def truth(value: Any) -> bool | None:
    """A cell that says yes or no, in the ways that spreadsheets write it; None where it says neither."""
    if isinstance(value, bool):
        return value
    said = str(value if value is not None else "").strip().casefold()
    return True if said in _YES else False if said in _NO else None


def scientific(value: Any) -> bool:
    """Whether a cell that should hold an id holds a number such as 3.32E+63: a spreadsheet has rewritten it."""
    return isinstance(value, str) and bool(_SCIENTIFIC.fullmatch(value.strip()))


def inert(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def cell(value: Any) -> Any:
    """The same for a file whose lines end in line feeds: a lone carriage return would begin a row of its own."""
    return inert(value.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(value, str) else value


def _csv(
    path: Path, text: str, needed: Sequence[str], likely: Collection[str], problems: list[Problem]
) -> Iterator[Row]:
    first, _, rest = text.partition("\n")
    skipped = 0
    told = re.fullmatch(r"\s*\"?sep=(.)\"?\s*", first, re.IGNORECASE)
    if told:
        text, skipped = rest, 1
    delimiter = told[1] if told else _delimiter(text, {*needed, *likely})
    csv.field_size_limit(2**24)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names: list[str] | None = None
    try:
        for cells in reader:
            line = reader.line_num + skipped
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = [_column(cell) for cell in cells]
                missing = [name for name in needed if name not in names]
                twice = sorted({name for name in names if name and names.count(name) > 1})
                if missing:
                    found = ", ".join(name for name in names if name)[:200]
                    several = len(names) > 1
                    expected = "expected commas, semicolons or tabs"
                    hint = f"the columns found are {found}" if several else expected
                    problems.append(Problem(f"{path}:{line}", f"no column {', '.join(missing)}", hint))
                if twice:
                    problems.append(Problem(f"{path}:{line}", f"two columns are called {', '.join(twice)}"))
                if problems:
                    return
                continue
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                what = f"has {counted(len(cells), 'cell')}, and the header {len(names)}"
                problems.append(Problem(f"{path}:{line}", what, "put text that holds the separator in double quotes"))
                continue
            values = {name: cell for name, cell in zip(names, cells, strict=False) if name}
            yield Row(line, values, f"{path}:{line}")
    except csv.Error as error:
        problems.append(Problem(f"{path}:{reader.line_num + skipped}", str(error)))
    if names is None and not problems:
        problems.append(Problem(f"{path}:1", "the file is empty", f"expected the columns {', '.join(needed)}"))


def _delimiter(text: str, names: Collection[str]) -> str:
    """The separator by which the header has most of the columns of those names."""
    header = next((line for line in text.split("\n") if line.strip()), "")

    def found(delimiter: str) -> int:
        return len({_column(cell.strip(' \r"')) for cell in header.split(delimiter)} & set(names))

    return max(_DELIMITERS, key=found)


def _json_lines(path: Path, text: str, problems: list[Problem]) -> Iterator[Row]:
    # Lines end at newlines alone: U+2028 and its kin may stand inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield from _object(f"{path}:{number}", number, line, problems)


def _json(path: Path, text: str, problems: list[Problem]) -> Iterator[Row]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("{") and str(error).startswith("Extra data"):
            # A second object after the first: a file of JSON lines by another name.
            yield from _json_lines(path, text, problems)
            return
        problems.append(
            Problem(str(path), f"no JSON ({str(error)[:100]})", "one object a line belongs in a .jsonl file")
        )
        return
    if not isinstance(found, list):
        problems.append(Problem(str(path), "no JSON list", "expected a list of objects, one a row"))
        return
    for number, row in enumerate(found, 1):
        where = f"{path}: row {number}"
        if isinstance(row, Mapping):
            yield Row(number, dict(row), where)
        elif row is not None:
            problems.append(Problem(where, "not a JSON object"))


def _object(where: str, number: int, line: str, problems: list[Problem]) -> Iterator[Row]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = 0
    if isinstance(row, Mapping):
        yield Row(number, dict(row), where)
    elif row is not None:
        problems.append(Problem(where, "not a JSON object"))


def _trimmed(row: Mapping[str, Any], exact: Collection[str]) -> dict[str, Any]:
    plain = ((_column(name), value) for name, value in row.items())
    return {
        name: value.strip(_UNSEEN).strip() if isinstance(value, str) and name not in exact else value
        for name, value in plain
    }


def _column(name: str) -> str:
    """A column's name in one spelling: ``Case ID``, ``case-id`` and ``case_id`` are the same."""
    return re.sub(r"[\s-]+", "_", name.strip(_UNSEEN).strip().casefold())
