"""Jobs on the Hub's machines: what is to be started, started once or on a schedule, and what it prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from huggingface_hub import Volume

from dataset_builder.hub.client import Hub
from dataset_builder.net.secret import ApiKey

# An image with uv, which makes the environment in the job.
IMAGE: Final = "ghcr.io/astral-sh/uv:python3.12-bookworm"
WORK: Final = "/work"
COMPLETED: Final = "COMPLETED"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job is to run: a command in an image on a machine, for at most so long.

    ``environment`` is public, ``secrets`` are not; ``bucket`` is a bucket of the Hub that is mounted at WORK, so that
    what the command writes there outlives the job.
    """

    command: tuple[str, ...]
    flavor: str
    timeout: str
    environment: dict[str, str] = field(default_factory=dict)
    secrets: tuple[ApiKey, ...] = ()
    bucket: str | None = None
    image: str = IMAGE
    namespace: str | None = None

    def told(self, namespace: str) -> dict[str, Any]:
        """It as the Hub's client takes it."""
        return {
            "image": self.image,
            "command": list(self.command),
            "env": dict(self.environment),
            "secrets": {secret.env: secret.reveal() for secret in self.secrets},
            "flavor": self.flavor,
            "timeout": self.timeout,
            "volumes": [Volume(type="bucket", source=self.bucket, mount_path=WORK)] if self.bucket else None,
            "namespace": namespace,
        }


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job that was started: its id, the account that pays for it, and its page."""

    id: str
    namespace: str
    url: str


def start_job(hub: Hub, plan: JobPlan) -> StartedJob:
    """Start a job now. Raises RemoteError where the Hub does not take it."""
    namespace = plan.namespace or hub.whoami()
    made = hub._ask("starting a job", namespace, lambda: hub._api.run_job(**plan.told(namespace)))
    return StartedJob(str(made.id), namespace, str(made.url))


def schedule_job(hub: Hub, plan: JobPlan, schedule: str) -> str:
    """Have a job started again and again, by a CRON expression or a word such as @hourly; returns the schedule's id.

    Never two at once. Raises RemoteError where the Hub does not take it.
    """
    namespace = plan.namespace or hub.whoami()
    made = hub._ask(
        "scheduling a job",
        namespace,
        lambda: hub._api.create_scheduled_job(schedule=schedule, concurrency=False, **plan.told(namespace)),
    )
    return str(made.id)


def follow_job(hub: Hub, job: StartedJob) -> Iterator[str]:
    """The lines that a job prints, until it ends. Raises RemoteError where the Hub cannot be reached."""
    lines = iter(hub._api.fetch_job_logs(job_id=job.id, namespace=job.namespace, follow=True))
    while (line := hub._ask("reading the job's log", job.id, lambda: next(lines, None))) is not None:
        yield line


def stage_of(hub: Hub, job: StartedJob) -> tuple[str, str]:
    """How a job stands, in the Hub's word, and what it says to that."""
    found = hub._ask("looking at the job", job.id, lambda: hub._api.inspect_job(job_id=job.id, namespace=job.namespace))
    return str(found.status.stage), str(found.status.message or "")
