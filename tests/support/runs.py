"""Runs for tests that need a folder and no model."""

from __future__ import annotations

from typing import Any

from eval.runs.run import DatasetRef, Run, RunRecord

AT = "2026-01-01T00:00:00+00:00"


def a_run(*case_ids: str, **settings: Any) -> Run:
    """Settings of a run by the protocol; ``settings`` replaces some."""
    usual: dict[str, Any] = {"sample": "all", "model": "m", "endpoint": "localhost", "package_version": "0"}
    usual |= {"case_ids": case_ids or ("a",), "temperature": 0.0, "max_tokens": 8000}
    return Run(**(usual | settings))


def a_record(settings: Run, *, source: str = "d", cases_hash: str = "0" * 64) -> RunRecord:
    """The record of a new run."""
    dataset = DatasetRef(name=source.rpartition("/")[2], cases_hash=cases_hash)
    departures = settings.departures()
    return RunRecord(created_at=AT, source=source, dataset=dataset, settings=settings, departures=departures)
