"""Fitting the second look: where words lie, and the gates that tell help with a request from forged help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from dataset_builder.dataset.taxonomy import HELPS
from eval.judges.embedded.case_features import case_words
from eval.judges.embedded.features import Hashes, answer_blocks, answer_words, normalise, split_words
from eval.judges.embedded.judge import NEARLY, EmbeddedJudge
from eval.judges.embedded.second_look import Gates, second_look
from eval.judges.embedded.topic import DIMENSIONS, MEASURES, Space, topic_of
from eval.judges.embedded.weights import Floats, Weights
from eval.judges.training import forgeries as forged
from eval.judges.training.data import CLASSES, Examples
from eval.judges.training.forgeries import Forgery

# A word has a place where it occurs in so many answers, and in so many cases' answers but not in half of them.
FEWEST_ANSWERS: Final = 8
FEWEST_CASES: Final = 2
EVERYDAY: Final = 0.5
# Each gate: the measures that it looks at, the forgeries that it keeps out, and the share of honest help, of that
# which it is fitted on, that stays outside.
GATES: Final = (
    (("new_words", "new_share", "nearness", "own_words", "own_share"), (forged.OTHER_CASE,), 0.0015),
    (
        ("new_words", "new_share", "nearness", "related_share", "own_share", "variety", "length"),
        (forged.TEMPLATE, forged.GENERIC),
        0.0006,
    ),
)
_BATCH: Final = 512


class Occurrences(NamedTuple):
    """The words of the study's answers that are not too few to have a place: a row an answer, a column a word."""

    vocabulary: Hashes
    table: sp.csr_array


class Looks(NamedTuple):
    """What a judge without gates still calls help: whether it is help in truth, its kind, and its measures."""

    helps: NDArray[np.bool_]
    kind: NDArray[np.str_]
    measures: Floats


def occurrences(texts: Sequence[str]) -> Occurrences:
    """Which words occur in which answers."""
    rows, words = [], []
    for start in range(0, len(texts), _BATCH):
        found = split_words([normalise(text) for text in texts[start : start + _BATCH]])
        order = np.lexsort((found.hashes, found.item))
        item, hashes = found.item[order], found.hashes[order]
        new = np.ones(len(item), np.bool_)
        new[1:] = (item[1:] != item[:-1]) | (hashes[1:] != hashes[:-1])
        rows.append(item[new] + start)
        words.append(hashes[new])
    vocabulary, column, counts = np.unique(np.concatenate(words), return_inverse=True, return_counts=True)
    keep = counts >= FEWEST_ANSWERS
    used = keep[column]
    place = (np.cumsum(keep) - 1)[column[used]]
    table = sp.csr_array(
        (np.ones(len(place), np.float32), (np.concatenate(rows)[used], place)), shape=(len(texts), int(keep.sum()))
    )
    return Occurrences(vocabulary[keep], table)


def fit_space(examples: Examples, rows: NDArray[np.bool_], seen_words: Occurrences) -> Space:
    """The space of some of the study's answers: their words by the cases that they answer."""
    names, case = np.unique(examples.case_id, return_inverse=True)
    seen = np.flatnonzero(rows)
    of_case = sp.csr_array((np.ones(len(seen), np.float32), (case[seen], seen)), shape=(len(names), len(rows)))
    counts = sp.csr_array(of_case @ seen_words.table)
    in_cases = np.diff(counts.tocsc().indptr)
    total, answers = len(np.unique(case[seen])), np.asarray(counts.sum(axis=0)).ravel()
    chosen = np.flatnonzero((answers >= FEWEST_ANSWERS) & (in_cases >= FEWEST_CASES) & (in_cases < EVERYDAY * total))
    rarity = np.log((total + 1) / (in_cases[chosen] + 1)).astype(np.float32)
    vectors = np.zeros((len(chosen), DIMENSIONS), np.float32)
    size = min(DIMENSIONS, len(chosen) - 1, total - 1)
    if size > 0:
        from sklearn.utils.extmath import randomized_svd

        table = sp.csr_array(counts[:, chosen].T)
        table.data = np.log1p(table.data)
        left, spread, _ = randomized_svd(sp.csr_array(table.multiply(rarity[:, None])), size, n_iter=3, random_state=0)
        vectors[:, :size] = left * np.sqrt(spread)
    # As coarse as they are kept, so that what was measured is what is shipped.
    steps = np.rint(127 * vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
    vectors = (steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    # Two words of one half hash: the first keeps the place.
    words, first = np.unique((seen_words.vocabulary[chosen] >> np.uint64(32)).astype(np.uint32), return_index=True)
    rarity = rarity.astype(np.float16).astype(np.float32)
    found = Space(words, rarity[first], vectors[first], np.zeros(DIMENSIONS, np.float32))
    cases = {case.case_id: case for case in examples.cases}
    places = [topic_of(case_words(cases[name]), found).vector for name in sorted(cases)]
    return replace(found, middle=np.mean(places, axis=0, dtype=np.float32))


def looks_of(trained: Weights, examples: Examples, rows: NDArray[np.bool_], forgeries: Sequence[Forgery]) -> Looks:
    """The looks of some of the study's answers and of the forgeries made of them, by weights that saw none of them."""
    mine = np.flatnonzero(rows)
    made = [one for one in forgeries if rows[one.source]]
    items = [(examples.cases[row], examples.texts[row]) for row in mine] + [(one.case, one.text) for one in made]
    honest = examples.response_type[mine] == CLASSES.index(HELPS)
    helps = np.concatenate([honest, np.array([one.helps for one in made], np.bool_)])
    kind = np.concatenate([np.full(len(mine), forged.HONEST), np.array([one.kind for one in made], np.str_)])
    topics = {case.case_id: topic_of(case_words(case), trained.space) for case, _ in items}
    kept, measures = [np.zeros(0, np.int64)], [np.zeros((0, len(MEASURES)))]
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        parts = answer_words([text for _, text in batch])
        called = trained.above_others(trained.logits(answer_blocks(parts, len(batch)))) > -NEARLY
        look, found = second_look(parts[0], [topics[case.case_id] for case, _ in batch], *trained.of_help)
        inside = np.flatnonzero(called & (look.firm >= 0))
        kept.append(start + inside)
        measures.append(found[inside])
    at = np.concatenate(kept)
    return Looks(helps[at], kind[at], np.concatenate(measures))


def fit_gates(looks: Sequence[Looks]) -> Gates:
    """The gates by some families' looks: help by honest answers against help that is forged."""
    helps, kind, measures = (np.concatenate(column) for column in zip(*looks, strict=True))
    honest = helps & (kind == forged.HONEST)
    if not honest.any():
        return Gates.open()
    known = helps | np.isin(kind, [one for _, kinds, _ in GATES for one in kinds])
    mean, scale = measures[known].mean(axis=0), np.maximum(measures[known].std(axis=0), 1e-6)
    gates = Gates(mean, scale, np.zeros((len(GATES), len(MEASURES))), np.ones(len(GATES)))
    usual = gates.usual(measures)
    from sklearn.linear_model import LogisticRegression

    for number, (names, kinds, outside) in enumerate(GATES):
        columns = [MEASURES.index(name) for name in names]
        rows = np.flatnonzero(helps | np.isin(kind, kinds))
        if helps[rows].all():
            # Nothing to keep out: this gate lets everything in.
            continue
        found = LogisticRegression(max_iter=1000, class_weight="balanced").fit(usual[rows][:, columns], helps[rows])
        gates.weights[number, columns] = found.coef_[0]
        said = usual[honest] @ gates.weights[number]
        # A hair below, so that rounding shuts nothing out where all answers measure the same.
        gates.bias[number] = 1e-6 - np.quantile(said, outside)
    return gates


def held_out_judges(
    fitted: Mapping[str, Weights],
    examples: Examples,
    forgeries: Sequence[Forgery],
    told: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, EmbeddedJudge], Gates]:
    """A judge for each family that has seen none of it, gates included; and the gates by all families.

    ``fitted`` are weights and space by the family that they have not seen, without gates.
    """
    looks = {}
    for name, trained in fitted.items():
        told(f"second look: {name}")
        looks[name] = looks_of(trained, examples, examples.family == name, forgeries)
    judges = {}
    for name, trained in fitted.items():
        others = [looks[other] for other in fitted if other != name]
        judges[name] = EmbeddedJudge(replace(trained, gates=fit_gates(others) if others else Gates.open()), "")
    return judges, fit_gates(list(looks.values()))
