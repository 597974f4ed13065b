"""The Hub's Jobs on loopback, as huggingface_hub calls them: start, schedule, look, and the log as an event stream."""

from __future__ import annotations

import json
from typing import Any

from tests.support.loopback import LoopbackServer, Silent

TOKEN = "hf_tokenofthejobsserver"


class JobsServer(LoopbackServer):
    """``with JobsServer() as server``; what was asked stands in ``jobs`` and ``scheduled``."""

    def __init__(self, log: tuple[str, ...] = ("collecting", "done"), stage: str = "COMPLETED") -> None:
        self.log, self.stage = log, stage
        self.jobs: list[tuple[str, dict[str, Any]]] = []
        self.scheduled: list[tuple[str, dict[str, Any]]] = []
        self.refuses: int | None = None
        outer = self

        class Handler(Silent):
            def do_GET(self) -> None:  # noqa: N802
                path = self.path.partition("?")[0]
                if path == "/api/whoami-v2":
                    self._json({"name": "alice", "type": "user", "auth": {"type": "access_token"}})
                elif path.endswith("/logs"):
                    self._head(200, "text/event-stream")
                    for line in ("===== Job started", *outer.log):
                        event = json.dumps({"data": line, "timestamp": "2099-01-01T00:00:00Z"})
                        self.wfile.write(f"data: {event}\n\n".encode())
                else:
                    self._json(outer._told(outer.stage))

            def do_POST(self) -> None:  # noqa: N802
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if outer.refuses:
                    self._json({"error": "Payment required: add credits"}, outer.refuses)
                    return
                assert self.headers["authorization"] == f"Bearer {TOKEN}"
                namespace = self.path.rsplit("/", 1)[1]
                if self.path.startswith("/api/scheduled-jobs/"):
                    outer.scheduled.append((namespace, body))
                    told = {"id": "sched-1", "owner": _OWNER, "createdAt": _AT, "jobSpec": body["jobSpec"]}
                    self._json(told | {"schedule": body["schedule"], "status": {"lastJob": None, "nextJobRunAt": _AT}})
                    return
                outer.jobs.append((namespace, body))
                self._json(outer._told("RUNNING"))

            def _json(self, value: Any, status: int = 200) -> None:
                self._head(status, "application/json")
                self.wfile.write(json.dumps(value).encode())

            def _head(self, status: int, kind: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.end_headers()

        super().__init__(Handler)

    @property
    def endpoint(self) -> str:
        return self.root

    def _told(self, stage: str) -> dict[str, Any]:
        message = None if stage in ("RUNNING", "COMPLETED") else "exit code 1"
        return {"id": "job-1", "owner": _OWNER, "createdAt": _AT, "status": {"stage": stage, "message": message}}


_OWNER = {"id": "1", "name": "alice", "type": "user"}
_AT = "2099-01-01T00:00:00.000Z"
