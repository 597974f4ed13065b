"""What tests of all packages share."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.dataset.records import Records
from dataset_builder.sources import STUDY_VARIABLE, read_source
from dataset_builder.sources.study import read_study
from tests.support.hub_server import ALICE, HubServer
from tests.support.small_dataset import build_small

# huggingface_hub and datasets read these when they are imported, so they are set before any test
# module is: no test sees the developer's token or cache, and uploads use the protocol that our Hub speaks.
HF_HOME = tempfile.mkdtemp(prefix="blind-refusal-hf-home-")
atexit.register(shutil.rmtree, HF_HOME, ignore_errors=True)
os.environ |= {"HF_HOME": HF_HOME, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
# What a test measures of a judge is not the developer's.
os.environ["BLIND_REFUSAL_JUDGES"] = str(Path(HF_HOME) / "judges")
for variable in ("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HF_DATASETS_CACHE"):
    os.environ.pop(variable, None)

# No test asserts how fast something is, and a busy machine is slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Marks of tests that take long, the longest first, and where those of the first mark are.
_LONG = ("browser", "local_model", "study")
_BROWSER = "tests/space/browser/"

NEIGHBOUR = Path(__file__).resolve().parents[2] / "shared" / "upstream" / "blind-refusal-study.tar.gz"


@pytest.fixture(scope="session")
def study_archive() -> Path:
    """The study's archive, from BLIND_REFUSAL_STUDY or the folder beside the checkout."""
    named = os.environ.get(STUDY_VARIABLE)
    path = Path(named) if named else NEIGHBOUR
    if not path.is_file():
        pytest.skip("needs the study's archive: set BLIND_REFUSAL_STUDY to its path")
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub of our own on a free port, with HF_ENDPOINT and HF_TOKEN (alice's) pointing to it.

    `dataset_builder.hub.client` reads both when a `Hub` is made. `datasets` reads them when it is imported:
    run it in a subprocess, with `hub.environment(home)` in its environment.
    """
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_TOKEN", ALICE.token)
        yield server
    assert server.leaks == [], "a token was sent to the storage host"
    assert server.broken == [], "the test's own server failed"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> OpenedDataset:
    """A small dataset, built and opened."""
    return locate_dataset(build_small(tmp_path_factory.mktemp("data") / "small").path)


@pytest.fixture(scope="session")
def study_records(study_archive: Path) -> Records:
    """All records of the study, read once."""
    records = read_study(study_archive)[0]
    _stays()
    return records


@pytest.fixture(scope="session")
def study_dataset(study_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's dataset, built once for all processes that run tests; tests only read it."""
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "study-dataset"
    with FileLock(f"{out}.lock"):
        if not out.exists():
            read = read_source(str(study_archive))
            build_dataset(read.records, [read.source], out)
    return out


def _stays() -> None:
    """Look no more for garbage among what is there: it stays to the end, and there is much of it.

    Some libraries collect garbage at each call: 20 examples of Holm's test by statsmodels took 53 s of a whole run.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def nothing_to_collect() -> None:
    """For tests of a library that collects garbage at each call."""
    _stays()


def pytest_collection_finish() -> None:
    """Everything is imported."""
    _stays()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that processes that run tests beside each other end together."""
    places: dict[Path, int] = {}
    for item in items:
        marks = [place for place, name in enumerate(_LONG) if item.get_closest_marker(name)]
        places[item.path] = min([places.get(item.path, len(_LONG)), *marks])
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is one process's; all that drives a browser is one's, which starts each server once."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _BROWSER if nodeid.startswith(_BROWSER) else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Where BLIND_REFUSAL_REQUIRE names a marker, a skipped test of that marker fails."""
    required = set(filter(None, os.environ.get("BLIND_REFUSAL_REQUIRE", "").split(",")))
    skipped = call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception)
    if skipped and required & {mark.name for mark in item.iter_markers()}:
        assert call.excinfo is not None
        try:
            raise AssertionError(f"was skipped, but BLIND_REFUSAL_REQUIRE asks for it: {call.excinfo.value}")
        except AssertionError as error:
            call.excinfo = pytest.ExceptionInfo.from_exception(error)
