"""Whether cases that are held back stand in a public build: by their ids, and by their requests in any wording."""

from __future__ import annotations

from dataset_builder.built import BuiltDataset
from dataset_builder.errors import InputError, Problem
from dataset_builder.generation.existing import read_existing


def find_leaks(public: BuiltDataset, companion: BuiltDataset) -> list[Problem]:
    """Every case of a private companion that a public build holds too, or one so like it that it gives it away.

    Cases that were generated and removed count on the public side. Raises InputError where the companion
    is none.
    """
    if not companion.manifest.held_back:
        raise InputError(
            f"{companion.path}: its cases are not held back; expected the private companion that "
            "'blind-refusal dataset build --hold-out SHARE' made."
        )
    there = read_existing([str(public.path)])
    index = there.index()
    ids = {name for name, _ in there.queries}
    problems = []
    for case in companion.cases():
        near = index.nearest(case.user_query)
        if case.case_id in ids:
            problems.append(Problem(f"case {case.case_id!r}", f"is held back, and stands in {public.path}"))
        elif near is not None and near.too_close:
            what = f"is held back, and {near.name!r} in {public.path} tells its story (likeness {near.jaccard:.2f})"
            problems.append(Problem(f"case {case.case_id!r}", what))
    return problems
