"""Submitting to a results folder of one's own: no account, no network; the owner is the maintainer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import DataError, InputError
from eval.answer_set import is_run
from eval.bundle import MadeBundle, bundle_of_run
from eval.bundle_schema import BUNDLE
from eval.dataset import OpenedDataset, locate_dataset
from eval.published_bundles import bundles_of_dataset
from eval.results_folder import SUBMISSIONS, add_review, add_submission, read_review
from eval.review_record import Review
from eval.run_folder import RunFolder
from eval.submission import read_submission
from eval.submission_report import Rejudge, maintainers_verdicts, report_on_files
from eval.upload import open_upload


@dataclass(frozen=True, slots=True)
class Submitted:
    """A bundle that was put into a results folder, with its review; ``new`` is False where it stood there."""

    made: MadeBundle
    review: Review
    new: bool


def bundles_of(
    target: str, dataset: str | None = None, *, model_repo: str | None = None, note: str | None = None
) -> tuple[OpenedDataset, list[MadeBundle]]:
    """The bundles of a run, of a dataset's published answers, or one that stands in a folder or zip; and the dataset.

    Raises InputError for a target that is none of these, and as the makers of bundles do.
    """
    if is_bundle(target):
        if dataset is None or model_repo or note:
            raise InputError(f"{target} is a bundle: name its dataset with --dataset; the rest is in its bundle.json.")
        files = open_upload(Path(target))
        return locate_dataset(dataset), [MadeBundle(read_submission(files).bundle, files)]
    if is_run(target):
        run = RunFolder.open(Path(target))
        found = locate_dataset(dataset or named_dataset(run))
        return found, [bundle_of_run(run, found, model_repo=model_repo, note=note)]
    found = locate_dataset(target)
    if model_repo:
        raise InputError("--model-repo is for a run: answers that came with a dataset are of many models.")
    return found, list(bundles_of_dataset(found).values())


def is_bundle(target: str) -> bool:
    """Whether this names a bundle's folder or a zip file."""
    path = Path(target)
    return (path / BUNDLE).is_file() or (path.is_file() and path.suffix.lower() == ".zip")


def named_dataset(run: RunFolder) -> str:
    """The dataset that a run names, as it can be opened."""
    settings = run.settings
    if settings.revision and not Path(settings.dataset).is_dir():
        return f"{settings.dataset.partition('@')[0]}@{settings.revision}"
    return settings.dataset


def submit_locally(
    bundles: Iterable[MadeBundle],
    dataset: OpenedDataset,
    results: Path,
    progress: Callable[[str], None] = lambda _: None,
    rejudge: Rejudge = maintainers_verdicts,
) -> list[Submitted]:
    """Put bundles into a results folder, each reviewed: the owner lets their own verdicts in.

    A bundle that stands there with its review is left alone. Raises InputError where another
    submission has its place, DataError with all problems where one is not fit to be submitted.
    """
    done = []
    for made in bundles:
        progress(made.place)
        folder = results / SUBMISSIONS / made.place
        review = read_review(results, made.place) if folder.is_dir() else None
        if review is not None and not add_submission(results, made):
            done.append(Submitted(made, review, False))
            continue
        report = report_on_files(
            made.files, [dataset], results, most_unscored=None, adopt=True, seed=None, rejudge=rejudge, standing=True
        )
        if report.problems or report.reviewed is None:
            raise DataError(f"{made.place} cannot be submitted", report.problems)
        review = report.reviewed.review
        new = add_submission(results, made)
        add_review(results, made.place, report.reviewed.files)
        done.append(Submitted(made, review, new))
    return done
