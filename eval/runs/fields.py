"""The kinds of values in the files of runs, bundles and results: what is outside their limits is refused on reading."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from dataset_builder.dataset.records import about

# `(?!\n)`: for Python a `$` stands before a last line feed too.
HASH_PATTERN: Final = r"^[0-9a-f]{64}$(?!\n)"
# One part of a path, on every file system; no two dots in a row, so that no part climbs.
SLUG_PATTERN: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,119}$(?!\n)"
# What a page shows in a line: no control characters, no angle brackets or backticks that could pass for markup.
LINE_PATTERN: Final = r"^[^\x00-\x1f\x7f<>`\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*$(?!\n)"

Hash = Annotated[str, about("SHA-256 in lower-case hex.", pattern=HASH_PATTERN)]
Line = Annotated[str, about("A line of plain text.", max_length=200, min_length=1, pattern=LINE_PATTERN)]
Note = Annotated[str, about("Plain text.", max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)")]
Temperature = Annotated[float, about("A temperature.", ge=0, le=10)]
Share = Annotated[float, about("A share.", ge=0, le=1)]
Epoch = Annotated[int, about("Number of an epoch, from 1.", ge=1)]
Count = Annotated[int, about("A count.", ge=0)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a file; what it does not know it refuses."""
