"""Where a submitted run departs from the study's protocol, recomputed from its settings."""

from __future__ import annotations

from eval.bundle_schema import BundleRun
from eval.run_settings import PROTOCOL_MAX_TOKENS, RunSettings


def departures_of(run: BundleRun) -> list[str]:
    """Each departure in words, as ``RunSettings.departures`` puts them; what is not known is one too."""
    unknown = [] if run.max_tokens is not None else ["the limit on an answer's tokens is not known"]
    settings = RunSettings(
        dataset="",
        content_hash="",
        sample=run.sample,
        sample_seed=run.sample_seed,
        case_ids=tuple(run.case_ids),
        model=run.model,
        endpoint=run.endpoint or "",
        engine=run.engine,
        system_prompt=run.system_prompt,
        temperature=run.temperature,
        max_tokens=PROTOCOL_MAX_TOKENS if run.max_tokens is None else run.max_tokens,
        reasoning=run.reasoning,
        seed=run.seed,
        package_version=run.package_version or "",
    )
    return settings.departures() + unknown
