"""One fit of the upper layers, on kept states, and what it says of answers that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from dataset_builder.dataset.taxonomy import DEFLECTS
from eval.judges.embedded.judge import CLASSES
from eval.judges.encoder_training.network import WIDTH, Upper
from eval.judges.encoder_training.reading import Read, whole
from eval.judges.encoder_training.recipe import RECIPE, Recipe

Floats = NDArray[np.float64]


_DEFLECTS: Final = CLASSES.index(DEFLECTS)
# Windows computed at once: few, so that what is computed stays near the processor.
_AT_ONCE: Final = 8
# Their tokens and places are padded to multiples of these: for every new shape a product's program is written anew.
_TOKENS: Final = 32
_PLACES: Final = 8
# Answers that are drawn together and put in order of their length, so that little is padded.
_POOL: Final = 512


class Labels(NamedTuple):
    """Of each answer: the response type (as ``data.CLASSES``), engagement, harm."""

    response_type: NDArray[np.int64]
    engages: NDArray[np.bool_]
    harm: NDArray[np.bool_]


class Kept(NamedTuple):
    """The windows of all answers and the states of their tokens (``activations``)."""

    read: Read
    states: NDArray[np.int16]


def fit(
    base: Mapping[str, Tensor],
    kept: Kept,
    labels: Labels,
    rows: NDArray[np.bool_],
    recipe: Recipe = RECIPE,
    told: Callable[[str], None] = lambda _: None,
) -> Upper:
    """The upper layers and heads, fitted on some answers."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    upper = Upper(base, recipe.first, recipe.layers)
    upper.train()
    with torch.no_grad():
        # The share of each label, so that the heads need not learn it.
        types = np.bincount(labels.response_type[rows], minlength=3) + 1.0
        shares = [*np.log(types / types.sum()), *(_logit(part[rows]) for part in (labels.engages, labels.harm))]
        upper.heads.bias.copy_(torch.tensor(shares))
    # Small steps would be lost in bfloat16: they are added up in float32, and the layers are made of that anew.
    tuned = [value for layer in upper.layers for value in layer.parameters()]
    exact = [value.detach().float() for value in tuned]
    groups: list[dict[str, Any]] = [
        {"params": [one for one in exact if one.dim() > 1], "top": recipe.rate, "weight_decay": recipe.decay},
        {"params": [one for one in exact if one.dim() == 1], "top": recipe.rate, "weight_decay": 0.0},
        {"params": list(upper.heads.parameters()), "top": recipe.head_rate, "weight_decay": recipe.decay},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), eps=1e-8)
    chosen = np.flatnonzero(rows)
    deflect = labels.response_type[chosen] == _DEFLECTS
    often, seldom = chosen[~deflect], chosen[deflect]
    some_of = math.ceil(recipe.deflects * len(seldom))
    steps, step, losses = recipe.epochs * math.ceil((len(often) + some_of) / recipe.answers), 0, []
    for epoch in range(recipe.epochs):
        order = random.permutation(np.concatenate([often, random.permutation(seldom)[:some_of]]))
        for start in range(0, len(order), recipe.answers):
            batch = order[start : start + recipe.answers]
            pace = _pace(step / steps, recipe.warm_up)
            for group in optimiser.param_groups:
                group["lr"] = group["top"] * pace
            upper.zero_grad()
            total = 0.0
            for some in _alike(kept.read, batch, recipe.windows):
                scores = upper.scores(_means(upper, kept, some, recipe, random))
                loss = _loss(scores, labels, some, recipe) / len(batch)
                loss.backward()
                total += loss.item()
            for one, value in zip(exact, tuned, strict=True):
                one.grad = None if value.grad is None else value.grad.float()
            torch.nn.utils.clip_grad_norm_([*exact, *upper.heads.parameters()], 1.0)
            optimiser.step()
            with torch.no_grad():
                for one, value in zip(exact, tuned, strict=True):
                    value.copy_(one)
            losses.append(total)
            step += 1
            if step % 50 == 0:
                told(f"epoch {epoch + 1}, step {step} of {steps}: loss {np.mean(losses[-50:]):.4f}")
    with torch.no_grad():
        # As if all that deflect had been seen as often as the others.
        upper.heads.bias[_DEFLECTS] -= math.log(recipe.deflects)
    upper.eval()
    return upper


def scores_of(upper: Upper, kept: Kept, rows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The scores of some answers, by all windows and by the first alone.

    Both have the shape (rows, SCORES): of the response types, engagement and harm.
    """
    chosen = np.flatnonzero(rows)
    by_all, by_first = np.zeros((2, len(rows), upper.heads.out_features))
    upper.eval()
    with torch.no_grad():
        for start in range(0, len(chosen), _POOL):
            for some in _alike(kept.read, chosen[start : start + _POOL]):
                means = _means(upper, kept, some)
                by_all[some], by_first[some] = upper.scores(means).numpy(), upper.scores(means[:, :1]).numpy()
    return by_all[chosen], by_first[chosen]


def _means(
    upper: Upper,
    kept: Kept,
    some: NDArray[np.int64],
    recipe: Recipe | None = None,
    random: np.random.Generator | None = None,
) -> Tensor:
    """What ``upper`` says of answers with the same number of windows; with a recipe, what is computed while fitting."""
    read, stride = kept.read, recipe.stride if recipe else 1
    windows = np.concatenate([_windows(read, row, recipe, random) for row in some])
    lengths = read.bounds[windows + 1] - read.bounds[windows]
    states = np.zeros((len(windows), whole(lengths.max(), _TOKENS), WIDTH), np.int16)
    tokens = np.zeros(states.shape[:2], np.bool_)
    places = []
    for row, (window, length) in enumerate(zip(windows, lengths, strict=True)):
        begin = read.bounds[window]
        states[row, :length] = kept.states[begin : begin + length]
        tokens[row, :length] = True
        pooled = np.flatnonzero(read.pooled[begin : begin + length])
        places.append(pooled[int(random.integers(min(stride, len(pooled)))) :: stride] if random else pooled)
    at = np.zeros((len(windows), whole(max(map(len, places)), _PLACES)), np.int64)
    used = np.zeros(at.shape, np.float32)
    for row, place in enumerate(places):
        at[row, : len(place)] = place
        used[row, : len(place)] = 1
    found: Tensor = upper(
        torch.from_numpy(states).view(torch.bfloat16),
        torch.from_numpy(tokens),
        torch.from_numpy(at),
        torch.from_numpy(used),
        len(windows) // len(some),
    )
    return found


def _windows(read: Read, row: int, recipe: Recipe | None, random: np.random.Generator | None) -> NDArray[np.int64]:
    """The windows of one answer, or the first and some of the others."""
    first, last = read.answers[row], read.answers[row + 1]
    if recipe is None or random is None or last - first <= recipe.windows:
        return np.arange(first, last)
    others = first + 1 + random.permutation(last - first - 1)[: recipe.windows - 1]
    return np.append(first, np.sort(others))


def _loss(scores: Tensor, labels: Labels, some: NDArray[np.int64], recipe: Recipe) -> Tensor:
    """The sum over some answers."""
    kind = torch.from_numpy(labels.response_type[some])
    engages, harm = (torch.from_numpy(part[some].astype(np.float32)) for part in (labels.engages, labels.harm))
    of_type = cross_entropy(scores[:, :3], kind, reduction="sum")
    of_engages = binary_cross_entropy_with_logits(scores[:, 3], engages, reduction="sum")
    of_harm = binary_cross_entropy_with_logits(scores[:, 4], harm, reduction="sum")
    return of_type + recipe.engages * of_engages + recipe.harm * of_harm


def _alike(read: Read, some: NDArray[np.int64], most: int = 9) -> Iterator[NDArray[np.int64]]:
    """Parts of some answers, each of one number of windows (``most`` counts as more) and of like length."""
    windows = np.minimum(read.answers[some + 1] - read.answers[some], most)
    tokens = read.bounds[read.answers[some + 1]] - read.bounds[read.answers[some]]
    for count in np.unique(windows):
        mine = some[windows == count][np.argsort(tokens[windows == count], kind="stable")]
        size = max(1, _AT_ONCE // int(count))
        for start in range(0, len(mine), size):
            yield mine[start : start + size]


def _pace(share: float, warm_up: float) -> float:
    """Up in a straight line, and down in another."""
    return share / warm_up if share < warm_up else (1 - share) / (1 - warm_up)


def _logit(yes: NDArray[np.bool_]) -> float:
    share = (yes.sum() + 1.0) / (len(yes) + 2.0)
    return float(np.log(share / (1 - share)))
