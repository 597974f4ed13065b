"""Judges that have not seen a family: the words' and the encoder's weights, and what combines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.judge import EmbeddedJudge, Seen, manifest
from eval.judges.embedded.weights import Floats
from eval.judges.encoder.artefact import SCORES, Artefact
from eval.judges.encoder.base import MINILM, Tensors, vocabulary
from eval.judges.encoder.combining import Combination, Said
from eval.judges.encoder.judge import EncoderJudge
from eval.judges.encoder.reader import Head, Reader, packed
from eval.judges.encoder.windows import SETTINGS
from eval.judges.training.data import Examples

_MATRIX: Final = 2


class KnownReader:
    """Looks up what the encoder said of the study's answers while fitting; reads any other.

    ``known`` has the scores of (request, answer), by all windows and by the first.
    """

    def __init__(self, known: Mapping[tuple[str, str], tuple[Floats, Floats]], reader: Reader) -> None:
        self._known, self._reader = known, reader

    def scores(self, exchanges: Sequence[tuple[str, str]], enough: Callable[[int, Any], bool]) -> Floats:
        """As ``Reader.scores``."""
        found = np.zeros((len(exchanges), SCORES))
        unknown = [at for at, exchange in enumerate(exchanges) if exchange not in self._known]
        if unknown:
            asked = [exchanges[at] for at in unknown]
            found[unknown] = self._reader.scores(asked, lambda at, first: enough(unknown[at], first))
        for at, exchange in enumerate(exchanges):
            if exchange in self._known:
                whole, first = self._known[exchange]
                found[at] = first if enough(at, first) else whole
        return found


class SparingJudge(EncoderJudge):
    """Reads only answers that the second look may let through: what it does not let through is no help, read or not.

    For trials in which nothing is asked but whether a text is called help.
    """

    def _to_read(self, seen: Seen, words: Said, later: NDArray[np.bool_]) -> NDArray[np.bool_]:
        missing = np.flatnonzero(np.isinf(seen.look.topic))
        if missing.size:
            self._look_again(seen, missing)
        may_be = (seen.look.topic >= 0) & (seen.look.firm >= self._combination.least_firm)
        # Help that was found behind an answer's beginning was looked at where it stands.
        return super()._to_read(seen, words, later) & (may_be | later)


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
        Combination.of(combination, least_firm),
        SETTINGS,
        "",
        manifest()["rubric"],
        MINILM,
    )


def reader_of(encoder: Artefact) -> Reader:
    """The encoder at work."""
    return Reader(encoder.tensors, encoder.shape, encoder.head, vocabulary(), encoder.settings)


def known_scores(
    examples: Examples, scores: Floats, first: Floats, rows: NDArray[np.intp]
) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """What was said of some answers, by request and answer: by all windows and by the first."""
    return {(examples.cases[row].user_query, examples.texts[row]): (scores[row], first[row]) for row in rows}


def judge_of(
    words: EmbeddedJudge, encoder: Artefact, known: Mapping[tuple[str, str], tuple[Floats, Floats]], *, sparing: bool
) -> EncoderJudge:
    """A judge of both; with ``sparing`` it tells no more than whether a text is help."""
    reader: Any = KnownReader(known, reader_of(encoder))
    return (SparingJudge if sparing else EncoderJudge)(words, encoder, reader)
