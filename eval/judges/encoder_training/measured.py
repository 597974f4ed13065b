"""Judges that have not seen a family: the words' and the encoder's weights, and what combines them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.taxonomy import HELPS
from eval.judges.embedded import weights
from eval.judges.embedded.judge import CLASSES, EmbeddedJudge, Seen, manifest
from eval.judges.embedded.weights import Floats
from eval.judges.encoder.artefact import Artefact
from eval.judges.encoder.base import MINILM, Tensors, vocabulary
from eval.judges.encoder.combining import Combination
from eval.judges.encoder.judge import EncoderJudge
from eval.judges.encoder.reader import Head, Reader, packed
from eval.judges.encoder.windows import SETTINGS
from eval.judges.training.data import Examples

_MATRIX: Final = 2


class KnownReader:
    """Looks up what the encoder said of the study's answers while fitting; reads any other."""

    def __init__(self, known: Mapping[tuple[str, str], Floats], reader: Reader) -> None:
        self._known, self._reader = known, reader

    def scores(self, exchanges: Sequence[tuple[str, str]]) -> Floats:
        """As ``Reader.scores``."""
        unknown = [exchange for exchange in exchanges if exchange not in self._known]
        read = dict(zip(unknown, self._reader.scores(unknown), strict=True)) if unknown else {}
        found = [self._known[exchange] if exchange in self._known else read[exchange] for exchange in exchanges]
        return np.array(found).reshape(len(exchanges), -1)


class SparingJudge(EncoderJudge):
    """Reads only answers that the second look may let through: what it does not let through is no help, read or not.

    For trials in which nothing is asked but whether a text is called help.
    """

    def _scores(self, seen: Seen) -> Floats:
        missing = np.flatnonzero(np.isinf(seen.look.topic))
        if missing.size:
            self._look_again(seen, missing)
        may_be = (seen.look.topic >= 0) & (seen.look.firm >= self._combination.least_firm)
        # Help that was found behind an answer's beginning was looked at where it stands.
        may_be |= (seen.logits[:, weights.HELPS] > seen.plain[:, weights.HELPS]) & ~seen.called
        found = np.zeros((len(seen.items), 5))
        found[:, CLASSES.index(HELPS)] = np.where(may_be, 0.0, -50.0)
        rows = np.flatnonzero(may_be)
        if rows.size:
            items = [seen.items[int(row)] for row in rows]
            found[rows] = self._reader.scores([(item.case.user_query, item.text) for item in items])
        return found


def encoder_of(
    tensors: Mapping[str, NDArray[np.float32]], base: Tensors, combination: Mapping[str, Floats], least_firm: float
) -> Artefact:
    """Tuned tensors as they are shipped, in whole numbers, over a base."""
    ours = {name: value for name, value in tensors.items() if not name.startswith("head_")}
    held = {
        name: packed(value) if value.ndim == _MATRIX else value.astype(np.float16).astype(np.float32)
        for name, value in ours.items()
    }
    return Artefact(
        {**base, **held},
        Head(tensors["head_weight"], tensors["head_bias"]),
        Combination(dict(combination), least_firm),
        SETTINGS,
        "",
        manifest()["rubric"],
        MINILM,
    )


def reader_of(encoder: Artefact) -> Reader:
    """The encoder at work."""
    return Reader(encoder.tensors, encoder.shape, encoder.head, vocabulary(), encoder.settings)


def known_scores(examples: Examples, scores: Floats, rows: NDArray[np.intp]) -> dict[tuple[str, str], Floats]:
    """What was said of some answers, by request and answer."""
    return {(examples.cases[row].user_query, examples.texts[row]): scores[row] for row in rows}


def judge_of(
    words: EmbeddedJudge, encoder: Artefact, known: Mapping[tuple[str, str], Floats], *, sparing: bool
) -> EncoderJudge:
    """A judge of both; with ``sparing`` it tells no more than whether a text is help."""
    reader: Any = KnownReader(known, reader_of(encoder))
    return (SparingJudge if sparing else EncoderJudge)(words, encoder, reader)
