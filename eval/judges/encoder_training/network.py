"""BERT's layers in torch, so that two cores can tune the upper ones: in bfloat16, and the last at few tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from eval.judges.encoder.base import Packed, Tensors

WIDTH: Final = 384
HEADS: Final = 12
# The columns of the scores: three response types, engagement, harm.
SCORES: Final = 5
# The vector of an answer: its first window, the mean and the greatest over its windows.
ANSWER: Final = 3 * WIDTH
DROPOUT: Final = 0.1
_TINY: Final = 1e-12
_AWAY: Final = -1e4
_HALF: Final = torch.bfloat16
_PARTS: Final = (
    ("query", "attention.self.query"),
    ("key", "attention.self.key"),
    ("value", "attention.self.value"),
    ("out", "attention.output.dense"),
    ("up", "intermediate.dense"),
    ("down", "output.dense"),
    ("norm", "attention.output.LayerNorm"),
    ("last_norm", "output.LayerNorm"),
)


class Layer(nn.Module):
    """One layer in bfloat16; its tensors' names in the base model begin with ``encoder.layer.N.``."""

    def __init__(self, tensors: Mapping[str, Tensor], number: int) -> None:
        super().__init__()
        self._number = number
        for ours, theirs in _PARTS:
            for kind in ("weight", "bias"):
                found = tensors[f"encoder.layer.{number}.{theirs}.{kind}"].to(_HALF)
                setattr(self, f"{ours}_{kind}", nn.Parameter(found.clone()))

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors with their names in the base model."""
        for ours, theirs in _PARTS:
            for kind in ("weight", "bias"):
                yield f"encoder.layer.{self._number}.{theirs}.{kind}", getattr(self, f"{ours}_{kind}")

    def forward(self, states: Tensor, mask: Tensor | None, at: Tensor | None = None) -> Tensor:
        """States (windows, tokens, WIDTH) after this layer; ``at`` (windows, places) names the tokens wanted.

        ``mask`` (windows, 1, 1, tokens) is added to the attention; None where nothing is padding.
        """
        here = states if at is None else states.gather(1, at[:, :, None].expand(-1, -1, WIDTH))
        query, key, value = self._split(here, "query"), self._split(states, "key"), self._split(states, "value")
        if torch.is_grad_enabled():
            # On a CPU the way back through these products is faster than through the other.
            likeness = (query * (WIDTH // HEADS) ** -0.5) @ key.transpose(-1, -2)
            seen = torch.softmax(likeness if mask is None else likeness + mask, -1) @ value
        else:
            seen = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = seen.transpose(1, 2).reshape(here.shape)
        here = self._norm(here + self._linear(seen, "out"), "norm")
        return self._norm(here + self._linear(gelu(self._linear(here, "up")), "down"), "last_norm")

    def _linear(self, states: Tensor, name: str) -> Tensor:
        return linear(states, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"))

    def _norm(self, states: Tensor, name: str) -> Tensor:
        return layer_norm(states, (WIDTH,), getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), _TINY)

    def _split(self, states: Tensor, name: str) -> Tensor:
        windows, tokens, _ = states.shape
        return self._linear(states, name).view(windows, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)


class Upper(nn.Module):
    """The tuned layers and the heads."""

    def __init__(self, tensors: Mapping[str, Tensor], first: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(tensors, number) for number in range(first, layers))
        self.heads = nn.Linear(ANSWER, SCORES)
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, states: Tensor, tokens: Tensor, at: Tensor, used: Tensor, windows: int) -> Tensor:
        """The means (answers, windows, WIDTH) of answers with so many windows each, one after another.

        ``tokens`` (all windows, tokens) says which are no padding; ``at`` and ``used`` (all windows, places) where the
        means are taken, and which of these places are no padding.
        """
        mask = _mask(tokens)
        for layer in self.layers[:-1]:
            states = layer(states, mask)
        places = self.layers[-1](states, mask, at).float() * used[:, :, None]
        return (places.sum(1) / used.sum(1, keepdim=True)).view(-1, windows, WIDTH)

    def scores(self, means: Tensor) -> Tensor:
        """Scores (answers, SCORES) by the means (answers, windows, WIDTH) of the first windows or of all."""
        found: Tensor = self.heads(self.drop(torch.cat([means[:, 0], means.mean(1), means.amax(1)], 1)))
        return found

    def named(self) -> dict[str, NDArray[np.float32]]:
        """The tuned tensors by their names in the base model, and the heads."""
        found = {name: value for layer in self.layers for name, value in layer.named()}
        found |= {"head_weight": self.heads.weight, "head_bias": self.heads.bias}
        return {name: value.detach().float().numpy() for name, value in found.items()}


class Lower(nn.Module):
    """The layers that stay as they are."""

    def __init__(self, tensors: Mapping[str, Tensor], layers: int) -> None:
        super().__init__()
        self._tensors = {name: value.to(_HALF) for name, value in tensors.items() if name.startswith("embeddings.")}
        self._layers = nn.ModuleList(Layer(tensors, number) for number in range(layers))

    def forward(self, ids: Tensor, types: Tensor, tokens: Tensor) -> Tensor:
        """States (windows, tokens, WIDTH) in bfloat16 of token ids, their types, and which are no padding."""
        with torch.no_grad():
            return self._states(ids, types, tokens)

    def _states(self, ids: Tensor, types: Tensor, tokens: Tensor) -> Tensor:

        def of(name: str) -> Tensor:
            return self._tensors[f"embeddings.{name}"]

        states = of("word_embeddings.weight")[ids] + of("token_type_embeddings.weight")[types]
        states = states + of("position_embeddings.weight")[: ids.shape[1]]
        states = layer_norm(states, (WIDTH,), of("LayerNorm.weight"), of("LayerNorm.bias"), _TINY)
        mask = _mask(tokens)
        for layer in self._layers:
            states = layer(states, mask)
        return states


def floats_of(tensors: Tensors) -> dict[str, Tensor]:
    """A base's tensors for torch."""
    return {
        name: torch.from_numpy(np.array(one.floats() if isinstance(one, Packed) else one, np.float32))
        for name, one in tensors.items()
    }


def _mask(tokens: Tensor) -> Tensor | None:
    """What is added to the attention so that nothing looks at padding."""
    return None if bool(tokens.all()) else torch.where(tokens, 0.0, _AWAY).to(_HALF)[:, None, None, :]
