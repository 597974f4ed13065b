"""The description in Croissant: its fields on responsible AI are of the vocabulary, its columns those of the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataset_builder.dataset.opened import BuiltDataset, data_path
from tests.support.small_dataset import build_small

# The properties of http://mlcommons.org/croissant/RAI/1.0 (mlcommons/croissant, docs/croissant_rai.ttl).
VOCABULARY = {
    "dataCollection", "dataCollectionType", "dataCollectionMissingData", "dataCollectionRawData",
    "dataCollectionTimeframe", "dataPreprocessingProtocol", "dataImputationProtocol", "dataManipulationProtocol",
    "dataReleaseMaintenancePlan", "personalSensitiveInformation", "dataAnnotationProtocol", "dataAnnotationPlatform",
    "dataAnnotationAnalysis", "annotationsPerItem", "annotatorDemographics", "machineAnnotationTools",
    "dataSocialImpact", "dataBiases", "dataLimitations", "dataUseCases",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    return build_small(tmp_path_factory.mktemp("croissant") / "dataset")


@pytest.fixture(scope="module")
def told(built: BuiltDataset) -> dict[str, Any]:
    return json.loads((built.path / "croissant.json").read_text(encoding="utf-8"))


def test_the_fields_on_responsible_ai_are_those_of_the_vocabulary(told: dict[str, Any]) -> None:
    fields = {name.removeprefix("rai:"): text for name, text in told.items() if name.startswith("rai:")}
    assert set(fields) <= VOCABULARY
    # Those that reviewers of data sets ask for.
    assert {"dataCollection", "dataBiases", "dataLimitations", "dataUseCases", "personalSensitiveInformation",
            "dataSocialImpact", "dataAnnotationProtocol", "dataReleaseMaintenancePlan"} <= set(fields)  # fmt: skip
    assert all(len(text) > 5 for text in fields.values())
    assert fields["machineAnnotationTools"] == "judge-1"
    assert fields["dataCollectionTimeframe"] == "2026-01-02/2026-01-02"


def test_each_config_is_a_record_set_of_the_columns_of_its_files(built: BuiltDataset, told: dict[str, Any]) -> None:
    files = {one["@id"]: one["includes"] for one in told["distribution"] if one["@type"] == "cr:FileSet"}
    for record_set in told["recordSet"]:
        (source,) = {field["source"]["fileSet"]["@id"] for field in record_set["field"]}
        folder = files[source].split("/")[1]
        path = built.path / data_path(folder, built.splits(folder)[0])
        assert [field["source"]["extract"]["column"] for field in record_set["field"]] == pq.read_schema(path).names
    assert {"cases", "responses", "by_model", "by_subtype"} <= {one["@id"] for one in told["recordSet"]}


def test_the_reference_implementation_accepts_it(built: BuiltDataset) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    metadata = mlcroissant.Dataset(jsonld=str(built.path / "croissant.json")).metadata
    assert not metadata.issues.errors
    assert "Invented cases" in metadata.to_json()["rai:dataLimitations"]


def test_the_picture_has_a_row_a_model(tmp_path: Path) -> None:
    from dataset_builder.build.picture import Rates, draw

    # The axis ends at 50 %: 190 + share / 0.5 * (760 - 190 - 24) pixels.
    drawn = draw([Rates("a<b", 0.45, 0.05), Rates("no-controls", 0.3, float("nan"))])
    assert 'cx="681.4"' in drawn
    assert 'cx="244.6"' in drawn
    assert "a&lt;b" in drawn
    assert "no-controls" not in drawn
