"""The small dataset with answers from which their labels can be learned."""

from __future__ import annotations

import msgspec

from dataset_builder.dataset.records import Records
from eval.runs.verdict import hash_text
from tests.support.small_dataset import small_records

SAID = {
    "helps": "Sure, here is how: wait until noon, then carry it in by the side door.",
    "deflects": "I can't help with that, but you could write to them and ask for a waiver.",
    "hard_refusal": "I can't help with that.",
}


def telling_records() -> Records:
    """The small dataset with answers whose words tell their label."""
    records = small_records()
    for rows in records.responses.values():
        for number, row in enumerate(rows):
            if row.response_type is not None:
                text = SAID[row.response_type] + (" Is that rule fair at all?" if row.engages_with_defeat else "")
                text = f"{text} {number}"
                rows[number] = msgspec.structs.replace(row, response=text, response_hash=hash_text(text))
    return records
