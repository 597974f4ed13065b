"""What a model is called among the submissions, and what is known of it."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from dataset_builder.models.providers import PROVIDER_BY_ID
from eval.repository.bundle import BundleModel

# Whose answers came with the dataset: they have no organisation in their names.
STUDY: Final = "study"
_OF_NO_ONE: Final = "other"
Weights = Literal["open", "closed"]


class _Known(NamedTuple):
    """A family by the beginning of a model's id, and whether its weights were published."""

    begins: str
    family: str | None
    weights: Weights | None


# The longest beginning that fits decides. None: some of the family are published and some are not.
_FAMILIES: Final = (
    _Known("anthropic/claude", "Claude", "closed"),
    _Known("anthropic/claude-opus-4.6", "Claude 4.6", "closed"),
    _Known("anthropic/claude-sonnet-4.6", "Claude 4.6", "closed"),
    _Known("openai/gpt-5.4", "GPT-5.4", "closed"),
    _Known("openai/gpt-oss", "gpt-oss", "open"),
    _Known("google/gemini", "Gemini", "closed"),
    _Known("google/gemini-3.1", "Gemini 3.1", "closed"),
    _Known("google/gemma", "Gemma", "open"),
    _Known("x-ai/grok-4", "Grok 4", "closed"),
    _Known("z-ai/glm-5", "GLM 5", None),
    _Known("nvidia/nemotron-3", "Nemotron 3", "open"),
    _Known("qwen/qwen3.5", "Qwen 3.5", None),
    _Known("qwen/qwen3.5-397b-a17b", "Qwen 3.5", "open"),
    _Known("local/smollm2", "SmolLM2", "open"),
)


def slug_of(organization: str, model: str) -> str:
    """``<organization>__<model>`` in characters that are a file's name everywhere, on the Hub too."""
    return f"{_part(organization) or _OF_NO_ONE}__{_part(model) or 'model'}"[:120].rstrip(".")


def run_model(model: str, repo: str | None = None) -> BundleModel:
    """The model of a run, from how it was asked for; ``repo`` is its own repository on the Hub."""
    prefix, _, rest = model.partition("/")
    plain = rest if rest and prefix in PROVIDER_BY_ID else model
    name = plain_line(repo or plain)
    organization, _, bare = name.rpartition("/")
    slug = slug_of(organization or (prefix if rest else _OF_NO_ONE), bare)
    known = _known(plain)
    return BundleModel(
        slug=slug, name=name, id=plain_line(model), repo=repo, family=known.family, weights=known.weights
    )


def published_model(name: str, model_id: str) -> BundleModel:
    """A model whose answers came with the dataset."""
    known = _known(model_id)
    return BundleModel(
        slug=slug_of(STUDY, plain_line(name)),
        name=plain_line(name),
        id=plain_line(model_id),
        family=known.family,
        weights=known.weights,
    )


def fits_slug(model: BundleModel) -> bool:
    """Whether a model's slug says the same as its name, so that nobody's folder holds another's model."""
    organization, _, bare = model.name.rpartition("/")
    if organization:
        return model.slug == slug_of(organization, bare)
    return "__" in model.slug and model.slug == slug_of(model.slug.partition("__")[0], bare)


def known_organizations() -> frozenset[str]:
    """The organizations of the families that are known here, as providers write them."""
    return frozenset(known.begins.partition("/")[0] for known in _FAMILIES)


def _known(model_id: str) -> _Known:
    fits = [known for known in _FAMILIES if model_id.lower().startswith(known.begins)]
    return max(fits, key=lambda known: len(known.begins), default=_Known("", None, None))


def _part(text: str) -> str:
    """One of the two parts of a slug: never with two underscores or dots in a row, which tell the parts apart."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    return re.sub(r"_{2,}", "_", re.sub(r"\.{2,}", ".", plain)).strip("._-")


def plain_line(text: str) -> str:
    """A text as one line of at most 200 plain characters, others replaced by hyphens."""
    return re.sub(r"[^\w ./:@+()-]", "-", text)[:200] or "model"
