"""What an earlier review of the same answers holds of judges that are not asked again.

Verdicts of people and of model judges cost work or money, and a contradiction that they brought to light must not
be gone because the next review does not name that judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dataset_builder.errors import DataError
from eval.agreement.known import greatest_error, known_agreement, least_agreement
from eval.repository.bundle import RESULTS, VERDICTS
from eval.repository.evidence import MODEL, PEOPLE
from eval.repository.folder import REVIEWS, decode
from eval.repository.review import Review
from eval.repository.tables import read_verdicts
from eval.reviews.evidence import kind_of
from eval.reviews.verdicts import Rejudged, folder_of
from eval.runs.verdict import Verdict
from eval.scores.results import Results


def kept_verdicts(before: Review, results: Path, place: str, made: Iterable[Rejudged]) -> list[Rejudged]:
    """The verdicts of people and model judges in an earlier review, of each judge that is not among ``made``."""
    if before.verdicts_sha256 is None:
        return []
    folder = results / REVIEWS / place
    try:
        verdicts = read_verdicts(folder / VERDICTS, VERDICTS)
    except DataError:
        return []
    asked = {one.judge for one in made}
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.judge not in asked and kind_of(verdict.judge) in (MODEL, PEOPLE):
            found.setdefault((verdict.judge, verdict.rubric), []).append(verdict)
    return [
        Rejudged(
            *who,
            verdicts,
            _settings(folder / folder_of(*who) / RESULTS),
            agreement=known_agreement(*who),
            least=least_agreement(*who),
            error=greatest_error(*who),
        )
        for who, verdicts in sorted(found.items())
    ]


def _settings(path: Path) -> dict[str, Any]:
    try:
        return dict(decode(path, Results).provenance.judge.settings)
    except DataError:
        return {}
