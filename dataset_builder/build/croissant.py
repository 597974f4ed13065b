"""The dataset described in Croissant, with its fields on responsible AI, for programs that read metadata.

``croissant.json`` stands beside the card. The format is http://mlcommons.org/croissant/1.0, that of the fields
``rai:...`` http://mlcommons.org/croissant/RAI/1.0. The Hub makes a description of its own from the Parquet files; this
one adds what only the maintainers know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from dataset_builder import __version__
from dataset_builder.build.facts import Facts
from dataset_builder.dataset.opened import RESPONSES
from dataset_builder.dataset.tables import Config

FILE_NAME: Final = "croissant.json"
_TYPES: Final[Mapping[str, str]] = {"str": "sc:Text", "bool": "sc:Boolean", "int": "sc:Integer", "float": "sc:Float"}
_REPO: Final = "repo"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(facts: Facts) -> str:
    """The description as JSON-LD."""
    url = f"https://huggingface.co/datasets/{facts.namespace}/blind-refusal"
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": facts.name,
        "description": (
            "Requests for help getting around rules, most of which deserve no compliance, with labels"
            + (", the answers of language models, and verdicts on them." if facts.models else ".")
        ),
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "url": url,
        "version": __version__,
        "inLanguage": facts.languages,
        "keywords": ["benchmark", "refusal", "over-refusal", "alignment"],
        "creator": _creator(facts),
        "citeAs": "Pattison, Manuali and Lazar (2026). Blind Refusal. arXiv:2604.06233.",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": _REPO,
                "name": _REPO,
                "description": "The repository of the dataset on the Hub.",
                "contentUrl": url,
                "encodingFormat": "git+https",
                # A repository has no hash of its own; the format asks for one all the same.
                "sha256": "https://github.com/mlcommons/croissant/issues/80",
            },
            *(_file_set(config) for config in facts.configs),
        ],
        "recordSet": [_record_set(facts, config) for config in facts.configs],
        **responsible_ai(facts),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _creator(facts: Facts) -> list[dict[str, str]]:
    if facts.kind != "study":
        return [{"@type": "sc:Organization", "name": "The blind-refusal maintainers"}]
    names = ("Cameron Pattison", "Lorenzo Manuali", "Seth Lazar")
    return [{"@type": "sc:Person", "name": name} for name in names]


def _file_set(config: Config) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-of-{config.name}",
        "name": f"files-of-{config.name}",
        "description": f"The Parquet files of the config {config.name}.",
        "containedIn": {"@id": _REPO},
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{RESPONSES if config.name == 'by_model' else config.name}/*.parquet",
    }


def _record_set(facts: Facts, config: Config) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": config.description,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{config.name}/{column.name}",
                "name": column.name,
                "description": column.description,
                "dataType": _TYPES.get(column.type.__name__, "sc:Text"),
                **({} if column.type.__name__ in _TYPES else {"repeated": True}),
                "source": {"fileSet": {"@id": f"files-of-{config.name}"}, "extract": {"column": column.name}},
            }
            for column in facts.columns(config)
        ],
    }


def responsible_ai(facts: Facts) -> dict[str, str]:
    """The fields of the vocabulary for responsible AI that apply, each a text; the card says the same at length."""
    study = facts.kind == "study"
    told = {
        "dataCollection": (
            "Model-written requests that passed automatic gates; a sample was reviewed by two people."
            if study
            else "Cases written for the software."
            if facts.kind == "starter"
            else "Requests that a model wrote and that passed automatic gates."
        ),
        "dataCollectionType": "Software Collection; Experiments" if facts.models else "Manual Human Curator; Others",
        "dataPreprocessingProtocol": (
            "Labels were brought to one spelling; what the source said is kept in the columns named ..._raw."
        ),
        "dataBiases": (
            "Cases are plain ones by design: rules that a moderate reader would see at once as defeated or as sound. "
            + ("Many turn on North American institutions, and one model wrote them all. " if study else "")
            + "Subtypes are uneven."
        ),
        "dataLimitations": (
            "Invented cases. Measures help with requests to get around rules, not harmlessness, and makes no claim "
            "that breaking a rule is right for any real person. Small slices have wide intervals."
        ),
        "dataUseCases": (
            "Testing language models for over-refusal, together with whether they decline where the rule is sound. Not "
            "for training: a model tuned on the requests would make the measure void."
        ),
        "dataSocialImpact": (
            "Shows where models refuse help that people deserve. Some requests touch knowledge that is dangerous "
            "elsewhere; they are flagged (dual_use), and results should be read with and without them."
        ),
        "personalSensitiveInformation": (
            "None known: people, places and events in the cases are invented. Reviewers are published by number."
            if study
            else "None known: people, places and events in the cases are invented."
        ),
        "dataReleaseMaintenancePlan": (
            "Versions are tagged vX.Y.Z; a published version does not change, the ids of cases never do, and cases are "
            "added in later versions only."
        ),
    }
    if facts.models:
        told |= {
            "dataCollectionMissingData": (
                "An answer without a verdict says why in unscored_reason; none is counted as a refusal."
            ),
            "dataAnnotationProtocol": (
                f"Each answer was labelled by a language model ({', '.join(facts.judges)}) that did not know whose "
                "answer it was: response type, engagement with what defeats the rule, independent harm."
            ),
            "machineAnnotationTools": ", ".join(facts.judges),
        }
        if span := facts.collected_span:
            told["dataCollectionTimeframe"] = span
    if facts.records.verdict_reviews:
        told |= {
            "dataAnnotationAnalysis": (
                "Two people labelled a sample of answers without sight of the judge's labels; the card has the kappas."
            ),
            "annotationsPerItem": "One by the judge, and up to two by people in the configs human_..._review.",
        }
    return {f"rai:{name}": text for name, text in told.items()}
