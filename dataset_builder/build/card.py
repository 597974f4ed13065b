"""The dataset card: front matter for the Hub and ``datasets``, and the filled templates.

Every number in the card is counted from the records that it describes (``facts.py``); none is written by hand.
"""

from __future__ import annotations

from importlib import resources
from math import isnan
from typing import Any, Final

import jinja2
import yaml

from dataset_builder import __version__
from dataset_builder.build.batches import OUTCOME_TITLES
from dataset_builder.build.facts import Facts
from dataset_builder.build.picture import PICTURE
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import SCHEMA_VERSION
from dataset_builder.dataset.tables import DEFAULT_CONFIG, Config, split_of_model
from dataset_builder.sources import normalise
from dataset_builder.sources.starter import read_starter

TEMPLATE: Final = "dataset_card.md.j2"
# The case of our own that the card shows.
_EXAMPLE: Final = "starter_content_defeat_delegated_authority_1"


def render_card(facts: Facts) -> str:
    """The card as Markdown with its YAML front matter."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, filled with our own labels and numbers only
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["split"] = split_of_model
    environment.filters["percent"] = lambda share: "..." if isnan(share) else f"{100 * share:.1f}"
    body = environment.get_template(TEMPLATE).render(
        facts=facts,
        name=facts.name,
        example=next(case for case in read_starter().cases if case.case_id == _EXAMPLE),
        picture=PICTURE,
        taxonomy=taxonomy,
        outcomes=OUTCOME_TITLES,
        mapping=normalise.mapping_rows(),
        schema_version=SCHEMA_VERSION,
        builder_version=__version__,
    )
    return f"---\n{_as_yaml(front_matter(facts))}---\n{body}"


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)
)


def _as_yaml(front: dict[str, Any]) -> str:
    text: str = yaml.dump(front, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
    return text


def _template(name: str) -> str:
    return resources.files("dataset_builder.build").joinpath("templates", name).read_text(encoding="utf-8")


def front_matter(facts: Facts) -> dict[str, Any]:
    """What the Hub and ``datasets`` read: licence, tags, configs with their files.

    The features are left to the Parquet files, which carry them: repeated here for every config they would make a
    thousand lines. The sizes of splits are left to the manifest: with them here, datasets 3 and 4 refuse
    ``load_dataset(..., data_files=...)``, as the splits that it then makes are not those of the card.
    """
    n = len(facts.records.cases)
    size = next(label for limit, label in _SIZES if n < limit)
    return {
        "pretty_name": facts.name,
        "license": "cc-by-4.0",
        "language": facts.languages,
        "task_categories": ["text-generation", "text-classification"],
        "tags": ["benchmark", "refusal", "over-refusal", "alignment", "safety", "ethics", "llm-as-judge"],
        "size_categories": [size],
        "annotations_creators": ["machine-generated", *(["expert-generated"] if facts.kind == "study" else [])],
        "source_datasets": ["original"],
        **({"extra_gated_prompt": _GATED} if facts.held_back else {}),
        "configs": [_config_entry(facts, config) for config in facts.configs],
    }


# What the Hub shows to whoever asks for access, where the maintainers have turned that on for the companion.
_GATED: Final = (
    "These cases are held back to tell whether a model was trained on the public ones. By asking for access you agree "
    "to keep them private, to train no model on them, and to show them to no model whose provider keeps what it gets."
)
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (float("inf"), "n>100K"))


def _config_entry(facts: Facts, config: Config) -> dict[str, Any]:
    files = [_Line(split=s.split, path=s.path) for s in facts.splits_of(config.name)]
    default = {"default": True} if config.name == DEFAULT_CONFIG else {}
    return {"config_name": config.name, **default, "data_files": files}
