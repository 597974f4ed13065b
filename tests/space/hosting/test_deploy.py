from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from dataset_builder.errors import ConflictError, InputError, RemoteError
from dataset_builder.hub.client import Hub
from space.cli import command
from space.hosting import stage as staging
from space.hosting.deploy import deploy
from space.hosting.stage import PACKAGES, requirements, stage, write_stage
from tests.support.hub_server import ALICE, HubServer
from tests.support.space_server import running

REPO = "alice/blind-refusal"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return stage(dataset="alice/cases@v1.0.0")


def test_the_front_matter_is_what_the_hub_asks_for(files: dict[str, bytes]) -> None:
    import gradio

    _, front, _ = files["README.md"].decode().split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["sdk"] == "gradio"
    assert told["sdk_version"] == gradio.__version__
    assert told["python_version"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert told["app_file"] == "app.py"
    assert (told["hf_oauth"], told["hf_oauth_scopes"]) == (True, ["write-discussions"])
    assert told["datasets"] == ["alice/cases"]
    # The Hub looks there for models alone.
    assert "preload_from_hub" not in told
    _, front, _ = stage(url="https://hub.example/spaces/a/b")["README.md"].decode().split("---\n", 2)
    thumbnail = str(yaml.safe_load(front)["thumbnail"])
    assert thumbnail.startswith("https://hub.example/spaces/a/b/resolve/main/")
    assert thumbnail.partition("/resolve/main/")[2] in files
    # The Hub refuses longer ones.
    assert len(told["short_description"]) <= 60


def test_requirements_are_pinned_and_leave_the_sdk_to_the_space() -> None:
    lines = requirements().splitlines()
    assert all("==" in line for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert {"plotly", "msgspec", "scipy", "huggingface-hub"} <= {name.replace("_", "-") for name in names}
    assert not names & {"gradio", "pytest", "inspect_ai", "xllamacpp"}


def test_the_packages_are_staged_with_their_data_and_without_caches(files: dict[str, bytes]) -> None:
    for name in ("app.py", "requirements.txt", "space/assets/style.css", "eval/judges/model/rubric.md"):
        assert files[name]
    assert any(name.startswith("dataset_builder/sources/starter_cases/") for name in files)
    assert {name.split("/")[0] for name in files if "/" in name} == set(PACKAGES)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in files)
    assert files == stage(dataset="alice/cases@v1.0.0")


def test_a_folder_in_the_way_is_left_alone(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is in the way"):
        write_stage(tmp_path, files)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_it_goes_up_in_one_commit_with_its_variables(hub: HubServer) -> None:
    done = deploy(REPO, dataset="hf://alice/cases", results="hf://datasets/alice/results@main")
    api = Hub()
    assert done.created
    assert set(api.list_files(REPO, "space")) >= set(done.added)
    assert api.variables(REPO) == {
        "BLIND_REFUSAL_DATASET": "alice/cases",
        "BLIND_REFUSAL_RESULTS": "alice/results@main",
    }
    assert api.read_file(REPO, "space", "app.py") == stage()["app.py"]
    assert api.head(REPO, "space") == done.sha


def test_deploying_again_does_nothing(hub: HubServer) -> None:
    first = deploy(REPO, dataset="alice/cases")
    asked = len(hub.faults.asked)
    again = deploy(REPO, dataset="alice/cases")
    assert (again.changed, again.variables, again.sha) == (False, (), first.sha)
    assert not [one for one in hub.faults.asked[asked:] if one.method in ("POST", "PUT", "DELETE")]


def test_only_what_changed_is_sent_and_what_is_gone_is_deleted(hub: HubServer) -> None:
    first = deploy(REPO, dataset="alice/cases", results="alice/results")
    api = Hub()
    other = {"space/old_page.py": b"gone", "notes.md": b"someone's", "app.py": b"edited there"}
    api.commit(REPO, "space", message="by hand", add=other)
    again = deploy(REPO, dataset="alice/other")
    # The card names the dataset.
    assert again.added == ("README.md", "app.py")
    assert again.deleted == ("space/old_page.py",)
    assert set(again.variables) == {"BLIND_REFUSAL_DATASET=alice/other", "BLIND_REFUSAL_RESULTS="}
    there = api.list_files(REPO, "space")
    assert "notes.md" in there
    assert "space/old_page.py" not in there
    assert again.sha != first.sha


def test_a_dry_run_sends_nothing_and_needs_no_token(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = deploy(REPO, dataset="alice/cases", dry_run=True)
    assert plan.created
    assert len(plan.added) > 100
    assert Hub().state(REPO, "space") is None
    monkeypatch.delenv("HF_TOKEN")
    assert deploy(REPO, dataset="alice/cases", dry_run=True).added == plan.added
    with pytest.raises(RemoteError, match="HF_TOKEN"):
        deploy(REPO, dataset="alice/cases")


def test_a_private_space_stays_private(hub: HubServer) -> None:
    deploy(REPO, private=True)
    state = Hub().state(REPO, "space")
    assert state is not None
    assert state.private
    deploy("alice/open")
    with pytest.raises(InputError, match="is public"):
        deploy("alice/open", private=True)


def test_someone_elses_commit_in_between_stops_it(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(REPO)
    api = Hub()
    api.commit(REPO, "space", message="x", add={"app.py": b"edited"})

    def late(step: str) -> None:
        if step.startswith("sending"):
            api.commit(REPO, "space", message="y", add={"notes.md": b"meanwhile"})

    with pytest.raises(ConflictError):
        deploy(REPO, progress=late)


@pytest.mark.parametrize(
    ("repo", "options", "said"),
    [
        ("blind-refusal", {}, "is not the name of a Space"),
        ("a/../b", {}, "is not the name of a Space"),
        (REPO, {"dataset": "build/data/set"}, "cannot read this machine's folders"),
        (REPO, {"results": "results"}, "--results results"),
    ],
)
def test_names_are_checked_before_the_hub_is_asked(
    hub: HubServer, repo: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        deploy(repo, **options)  # type: ignore[arg-type]
    assert hub.faults.asked == []


def test_a_space_of_others_cannot_be_deployed_to(hub: HubServer) -> None:
    with pytest.raises(RemoteError):
        deploy("bob/his")


def test_the_command_tells_what_it_did(hub: HubServer) -> None:
    def run(*more: str) -> str:
        done = CliRunner().invoke(command, ["space", "deploy", "--repo", REPO, *more])
        assert done.exit_code == 0, done.output
        assert ALICE.token not in done.output
        return done.output

    assert "would send app.py" in run("--dry-run")
    assert "in one commit" in run("--dataset", "alice/cases")
    assert "nothing to commit" in run("--dataset", "alice/cases")


def test_without_the_package_installed_its_needs_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "DISTRIBUTION", "no-such-distribution-at-all")
    with pytest.raises(InputError, match="is not installed"):
        requirements()


def test_the_staged_folder_starts_as_it_stands_and_answers(tmp_path: Path) -> None:
    """In an environment that knows the requirements but not this checkout, with nothing set but the port."""
    folder, home = tmp_path / "staged", tmp_path / "home"
    write_stage(folder, stage())
    home.mkdir()
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    (place,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    # A path that a .pth file names is searched for modules, not for .pth files: the checkout's is not followed.
    (place / "installed.pth").write_text(sysconfig.get_path("purelib"))
    plain = {"HOME": str(home), "PATH": os.defpath}
    found = subprocess.run(
        [python, "-c", "import dataset_builder, eval, space; print(dataset_builder.__file__, eval.__file__)"],
        cwd=folder, env=plain, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.count(str(folder)) == 2

    def start(port: int) -> tuple[list[str], dict[str, str]]:
        variables = {**plain, "GRADIO_SERVER_PORT": str(port)}
        only = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        return [*only, "sh", "-c", 'cd "$0" && exec "$1" app.py', str(folder), str(python)], {}

    with running(start, tmp_path, 180) as address:
        for path in ("", "breakdown", "compare", "transcripts", "cases", "method", "submit"):
            with urllib.request.urlopen(f"{address}/{path}", timeout=60) as answer:
                assert answer.status == 200
        # The set that comes with the package.
        with urllib.request.urlopen(f"{address}/config", timeout=60) as answer:
            assert b"starter" in answer.read()
