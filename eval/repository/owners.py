"""Whose row a model's row is: whoever had it merged first, or the members of the organization that it names.

Who handed something in is the Hub's word (who opened the pull request), never the submission's. A folder on
this machine has no owners.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import DataError
from dataset_builder.hub.people import Origin, is_member, who_added
from eval.repository.bundle import BUNDLE, Bundle, BundleModel
from eval.repository.folder import REVIEWS, SUBMISSIONS, decode, places, read_review
from eval.repository.hub import KIND, ResultsRepo
from eval.repository.leaderboard import HELD
from eval.repository.review import REVIEW, Review


@dataclass(frozen=True)
class Submitter:
    """The account that hands a submission in at a results repository."""

    name: str
    repo: ResultsRepo

    def disputes(self, place: str, model: BundleModel, results: Path, since: str | None = None) -> list[str]:
        """Why a person has to look before this account's run may stand for a model; empty where it may.

        ``results`` is a copy of the repository; only what was reviewed before ``since`` counts, for a submission
        that is reviewed again. Submissions that are held, or that nobody has reviewed, give no
        claim to a name. Raises RemoteError where the Hub cannot say who is who.
        """
        standing = _standing(results, place, model.slug, since)
        if not standing:
            return []
        owners = {one: self._behind(one, review) for one, review in standing.items()}
        if self.name in owners.values() and not self._outranked(model, owners, results):
            return []
        if self._belongs(self.name, model, next(iter(standing)), results):
            return []
        by = ", ".join(sorted({name or "somebody the Hub does not name" for name in owners.values()}))
        return [
            f"{model.name} has a run of {by} already, and {self.name} neither handed that in nor belongs to "
            f"the organization that the model's repository names"
        ]

    def _outranked(self, model: BundleModel, owners: dict[str, str], results: Path) -> bool:
        """Whether a member of the model's organization has a run, which takes a stranger's claim away."""
        others = {name: place for place, name in owners.items() if name not in ("", self.name)}
        if not any(self._belongs(name, model, place, results) for name, place in others.items()):
            return False
        return not self._belongs(self.name, model, next(iter(owners)), results)

    def _belongs(self, name: str, model: BundleModel, place: str, results: Path) -> bool:
        """Whether an account is a member of the organization of the model's repository on the Hub.

        A name without a repository is a provider's, which anybody could register as an organization on the Hub; so
        the run that stands must name the same repository.
        """
        there = decode(results / SUBMISSIONS / place / BUNDLE, Bundle).model.repo
        if model.repo is None or there is None or model.repo.lower() != there.lower():
            return False
        return is_member(self.repo.hub, name, model.repo.partition("/")[0])

    def _behind(self, place: str, review: Review) -> str:
        if review.submitter:
            return review.submitter
        origin = submitter_of(self.repo, place)
        return origin.by if origin else ""


@dataclass(frozen=True)
class Maintainer(Submitter):
    """The account of the maintainers' worker, which evaluates what was asked for, whoever's model it is."""

    def disputes(self, place: str, model: BundleModel, results: Path, since: str | None = None) -> list[str]:
        """Nothing: who keeps the repository collected the answers."""
        return []


def submitter_of(repo: ResultsRepo, place: str) -> Origin | None:
    """Who handed in what stands at a place, and when it was merged; None where nothing stands there."""
    return who_added(repo.hub, repo.name, KIND, f"{SUBMISSIONS}/{place}/{BUNDLE}")


def handed_in_by(repo: ResultsRepo, results: Path, place: str) -> str:
    """The account behind a submission on main, which an earlier review may have kept; empty where nobody knows."""
    try:
        before = read_review(results, place)
    except DataError:
        before = None
    if before is not None and before.submitter:
        return before.submitter
    origin = submitter_of(repo, place)
    return origin.by if origin else ""


def _standing(results: Path, place: str, slug: str, since: str | None) -> dict[str, Review]:
    """The reviews of a model's other submissions that were let in, oldest first; case makes no other name."""
    found: dict[str, Review] = {}
    for one in places(results):
        if one == place or one.partition("/")[0].lower() != slug.lower():
            continue
        path = results / REVIEWS / one / REVIEW
        try:
            review = decode(path, Review) if path.is_file() else None
        except DataError:
            # A spoilt review says nothing of what was let in.
            continue
        if review is not None and review.status != HELD and (since is None or review.first_reviewed_at < since):
            found[one] = review
    return dict(sorted(found.items(), key=lambda item: (item[1].first_reviewed_at, item[0])))
