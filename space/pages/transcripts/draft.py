"""What a reader had filled in before they signed in: kept by their browser, and put back into the same answer's form.

It comes back from a browser, so it is read as anything else from outside: bounded, and only what the form itself takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from eval.judges.human.readers import LONGEST_NOTE
from space.intake.readers import Said
from space.pages.transcripts.state import CASE, OF
from space.ui.links import Value

# A note in which every character is written as an escape, and the names of case and model.
LONGEST: Final = 12 * LONGEST_NOTE + 2_000
# With the values of the form and the page's state as a query first. The link is followed only when all of it is kept.
KEEP: Final = """
(shown, kind, engages, harm, note) => {
  const link = document.querySelector('.br-disagree a.br-sign-in');
  if (!link) return;
  const open = new URLSearchParams(shown);
  const draft = {case: open.get('case'), of: open.get('of'), kind, engages, harm, note};
  try {
    window.sessionStorage.setItem('br-draft', JSON.stringify({path: window.location.pathname, draft}));
  } catch { /* A browser that keeps nothing: the way to sign in is there all the same. */ }
  window.location.assign(link.href);
}
"""
# Once, and on the page of the version that it was written on.
READ: Final = """
() => {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem('br-draft') ?? 'null');
    window.sessionStorage.removeItem('br-draft');
    return kept && kept.path === window.location.pathname ? JSON.stringify(kept.draft) : '';
  } catch {
    return '';
  }
}
"""


def read_draft(text: object, state: Mapping[str, Value]) -> Said | None:
    """What a browser kept of the form of the answer that is open in a state; None where it is of another, or none."""
    if not isinstance(text, str) or not text or len(text) > LONGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not state[CASE] or not state[OF]:
        return None
    if (found.get("case"), found.get("of")) != (state[CASE], state[OF]):
        return None
    kind, note = found.get("kind"), found.get("note")
    return Said(
        kind if kind in ids(RESPONSE_TYPES) else "",
        found.get("engages") is True,
        found.get("harm") is True,
        note[:LONGEST_NOTE] if isinstance(note, str) else "",
    )
