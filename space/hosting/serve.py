"""Serving the app: open the data, prepare the transcripts, listen until told to stop; here, or where others host it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dataset_builder.dataset.opened import BuiltDataset, OpenedDataset, locate_dataset
from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.extras import needed_extras
from dataset_builder.net.fetch import cache_folder
from eval.submissions.upload import MOST_BYTES
from space.data.data import Snapshot, SpaceData
from space.data.facing import facing
from space.data.sources import POLL_SECONDS, HubSource, ResultsSource, ResultsWatcher, open_source
from space.data.submitted import additions
from space.store.additions import NOTHING_MORE, Additions
from space.store.build import ensure_store
from space.store.store import Store

# What is served where others host it comes from variables, as the Hub gives them to a Space.
DATASET: Final = "BLIND_REFUSAL_DATASET"
RESULTS: Final = "BLIND_REFUSAL_RESULTS"
# Set by the Hub in every Space.
_SPACE: Final = "SPACE_ID"
# Seconds.
_HUBS_PATIENCE: Final = 10.0


def open_data(opened: OpenedDataset, results: ResultsSource, store_cache: Path | None = None) -> SpaceData:
    """Everything that the pages read; the transcripts are prepared if they are not yet.

    Raises InputError for results that cannot be opened.
    """
    snapshot = results.read()
    return SpaceData(
        store=store_of(opened.built, snapshot, store_cache),
        dataset_name=opened.hub_id or Path(opened.name).resolve().name,
        dataset_hub_id=opened.hub_id,
        built=opened.built,
        now=snapshot,
        dataset_revision=opened.revision,
        results_hub_id=results.repo if isinstance(results, HubSource) else None,
    )


def store_of(built: BuiltDataset, snapshot: Snapshot, folder: Path | None = None) -> Store:
    """The transcripts of a dataset and of the runs submitted on it, with every judge's verdicts."""
    return Store(prepare_store(built, folder, additions(snapshot, built)))


def prepare_store(built: BuiltDataset, folder: Path | None = None, more: Additions = NOTHING_MORE) -> Path:
    """The store of a dataset, built with a progress bar on standard error if somebody watches."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task("Preparing the transcripts", total=None)
        return ensure_store(built, folder, lambda done, total: bar.update(task, completed=done, total=total), more)


def serve(
    dataset: str,
    results: str | None,
    *,
    host: str,
    port: int,
    store_cache: Path | None = None,
    poll: float = POLL_SECONDS,
) -> None:
    """Serve until interrupted, looking for new results every ``poll`` seconds.

    Raises InputError for what cannot be opened or a port that is taken.
    """
    _check_port(host, port)
    # Before gradio is imported, which reads it then: no page of ours calls anybody.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    source = open_source(results)
    opened = locate_dataset(dataset)
    newest = open_data(opened, source, store_cache)
    data = facing(newest)

    from starlette.middleware import Middleware

    from space.api.agents import McpServer
    from space.api.files import DataFiles
    from space.api.tables import Tables
    from space.api.tools import Tools
    from space.app import build_app
    from space.frame.outside import ICON_FILE, SeenFromOutside
    from space.hosting.memory import keep_giving_back
    from space.hosting.pinned import PinnedVersions
    from space.hosting.pinning import PinnedPages
    from space.intake.intake import open_intake
    from space.intake.limits import UploadLimits
    from space.pages import PAGES
    from space.ui.theme import launch_settings

    def transcripts(snapshot: Snapshot) -> Store | None:
        return None if newest.built is None else store_of(newest.built, snapshot, store_cache)

    watcher = ResultsWatcher(
        newest, source, every=poll, say=lambda text: print(text, file=sys.stderr), prepare=transcripts
    )
    watcher.start()
    ended = threading.Event()
    keep_giving_back(ended)
    if newest.dataset_hub_id:
        # Nobody waits for the answer; without one the pages have no link.
        threading.Thread(target=look_for_hubs_board, args=[newest], name="hubs-board", daemon=True).start()
    older = (store_cache or cache_folder() / "space") / "pinned"
    followed = source if isinstance(source, HubSource) else None
    versions = PinnedVersions(newest, followed, older, stores=store_cache)
    tables = Tables(data)
    tools = Tools(tables)
    app = build_app(data, open_intake(opened, source, host, watcher.look), tools)
    # Printed by us, and only once the port answers.
    app.launch(
        server_name=host,
        server_port=port,
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        max_file_size=MOST_BYTES,
        favicon_path=ICON_FILE,
        app_kwargs={
            "middleware": [
                Middleware(PinnedPages, versions=versions, pages=PAGES),
                Middleware(UploadLimits),
                Middleware(DataFiles, tables=tables),
                Middleware(McpServer, tools=tools),
                Middleware(SeenFromOutside, pages=PAGES, data=data),
            ]
        },
        **launch_settings(),
    )
    print(f"Serving {data.dataset_name} on http://{_in_address(host)}:{port} - stop with Ctrl+C", flush=True)
    try:
        app.block_thread()
    finally:
        versions.close()
        watcher.stop()
        ended.set()


def main() -> None:
    """Serve what the variables name: everywhere in a Space, on this machine alone elsewhere."""
    in_space = bool(os.environ.get(_SPACE))
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if in_space else "127.0.0.1")  # noqa: S104 - a container
    port = os.environ.get("GRADIO_SERVER_PORT", "")
    try:
        dataset = os.environ.get(DATASET) or str(starter_dataset())
        with needed_extras():
            serve(dataset, os.environ.get(RESULTS) or None, host=host, port=int(port) if port.isdigit() else 7860)
    except BlindRefusalError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def starter_dataset() -> Path:
    """The bundled starter set as a built dataset in the user's cache, built if it is not there."""
    from dataset_builder.build.build import build_dataset
    from dataset_builder.dataset.manifest import FILE_NAME
    from dataset_builder.sources import STARTER, read_source

    read = read_source(STARTER)
    folder = cache_folder() / "space" / (read.source.content_hash or "")[:16] / "starter-set"
    if not (folder / FILE_NAME).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        build_dataset(read.records, [read.source], folder)
    return folder


def look_for_hubs_board(data: SpaceData, timeout: float = _HUBS_PATIENCE) -> None:
    """Note whether the Hub has a board of its own for the dataset; where it does not answer soon, that it has none."""
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience

    try:
        hub = Hub(patience=Patience(attempts=1, timeout=timeout))
        data.on_hubs_board = data.dataset_hub_id is not None and hub.has_leaderboard(data.dataset_hub_id)
    except BlindRefusalError:
        data.on_hubs_board = False


def _check_port(host: str, port: int) -> None:
    with closing(socket(AF_INET6 if ":" in host else AF_INET)) as probe:
        probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"{host}:{port}: cannot listen there ({error.strerror}); name a free port with --port"
            ) from error


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
