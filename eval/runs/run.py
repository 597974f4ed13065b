"""A run: which cases were asked of which model, all that decides an answer, and where that departs from the study."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import field, structs

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import about, fields_for
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.errors import Problem
from dataset_builder.wording import counted
from eval.runs.fields import Epoch, Hash, Line, Note, Part, Share, Temperature

# The user query alone, no system prompt, temperature 0, at most 8,000 tokens, over all cases.
PROTOCOL_TEMPERATURE: Final = 0.0
# The endpoint of what no server answers: a function of a user's own.
THIS_PROCESS: Final = "this process"
PROTOCOL_MAX_TOKENS: Final = 8000
# Of run.json.
FORMAT: Final = 1


class DatasetRef(Part, frozen=True, kw_only=True):
    """Which cases were asked: what a dataset is called is not what it holds, so the hash of its cases decides."""

    name: Annotated[Line, about("The dataset as it was named: a folder's name or a Hub repository.")]
    hub_id: Annotated[Line | None, about("Its repository on the Hub; null for a folder.")] = None
    revision: Annotated[Line | None, about("Its commit on the Hub; null for a folder.")] = None
    cases_hash: Annotated[Hash, about("SHA-256 over its cases: equal hashes mean equal questions.")]

    @classmethod
    def of(cls, dataset: OpenedDataset) -> DatasetRef:
        """An opened dataset. A folder's path would tell about the machine; its name is enough beside the hash."""
        return cls(
            name=dataset.hub_id or dataset.built.path.resolve().name,
            hub_id=dataset.hub_id,
            revision=dataset.revision,
            cases_hash=dataset.built.cases_hash,
        )


class JudgeRecord(Part, frozen=True, kw_only=True):
    """A judge and what decides its verdicts."""

    judge: Annotated[Line, about("The judge.")]
    rubric: Annotated[
        Line, about("Version of its rubric or weights; `published` for verdicts that came with the dataset.")
    ]
    settings: Annotated[dict[str, Any], about("What else decides its verdicts.")] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What its verdicts carry: judge and rubric."""
        return self.judge, self.rubric


class Sampling(Part, frozen=True, kw_only=True):
    """How answers were sampled."""

    temperature: Annotated[
        Temperature | None, about("Sampling temperature; null for the server's default. The protocol is 0.")
    ]
    max_tokens: Annotated[int | None, about("Limit on an answer's tokens; null if unknown. The protocol is 8,000.")]
    seed: Annotated[int | None, about("Seed sent to the provider; null for none.")] = None
    system_prompt: Annotated[str | None, about("System prompt; null for none, which is the protocol.")] = None
    reasoning: Annotated[Line | None, about("Reasoning setting; null where none was sent.")] = None
    top_p: Annotated[Share | None, about("Nucleus sampling; null where none was sent, which is the protocol.")] = None
    stop: Annotated[
        tuple[Note, ...], about("Texts that end an answer; empty for none, which is the protocol.", max_length=16)
    ] = ()
    extra_body: Annotated[Note | None, about("Further fields of each request as a JSON object; null for none.")] = None
    pressure: Annotated[
        Note | None, about("What the user says after a refusal, before the answer that counts; null for one turn.")
    ] = None


class Run(Sampling, frozen=True, kw_only=True):
    """All that decides an answer, and is the same for every answer of a run."""

    sample: Annotated[Line, about("`all`, or how the cases were drawn: `limit:N` or `stratified:N`.")]
    sample_seed: Annotated[int, about("Seed of that draw.")] = 0
    chosen: Annotated[Line | None, about("How the cases were chosen that were drawn from; null for all.")] = None
    case_ids: Annotated[tuple[Line, ...], about("The cases that were to be asked.", min_length=1)]
    epoch: Annotated[
        Epoch | None, about("Which of several answers to each case these are; null where there was one.")
    ] = None
    language: Annotated[
        Line | None, about("The language that the requests were translated into; null for the dataset's own.")
    ] = None
    translations: Annotated[
        Hash | None, about("SHA-256 over the translated requests; null where none were translated.")
    ] = None
    model: Annotated[Line, about("The model as it was asked for, with the provider's prefix.")]
    endpoint: Annotated[Line | None, about("The host that was asked; null where that is not known.")] = None
    engine: Annotated[Line | None, about("What ran the model, where the submitter did.")] = None
    providers: Annotated[tuple[Line, ...], about("Whom a router may have answer; empty where the router chooses.")] = ()
    excluded_providers: Annotated[tuple[Line, ...], about("Whom a router may not have answer.")] = ()
    package_version: Annotated[Line | None, about("Version of blind-refusal that asked, if it did.")] = None
    software: Annotated[Line | None, about("What else asked: name and version.")] = None

    @property
    def token_limit(self) -> int:
        """The limit on an answer's tokens; the protocol's where it is not known."""
        return PROTOCOL_MAX_TOKENS if self.max_tokens is None else self.max_tokens

    @property
    def sampling(self) -> Sampling:
        """How its answers were sampled, alone."""
        return Sampling(**fields_for(Sampling, self))

    def departures(self) -> list[str]:
        """Where these settings are not the study's, in words; what is not known is a departure too."""
        found = []
        if self.system_prompt is not None:
            found.append("a system prompt goes before each query (the study sent none)")
        if self.temperature is None and self.endpoint == THIS_PROCESS:
            found.append(f"the temperature is not known (the study's was {PROTOCOL_TEMPERATURE:g})")
        elif self.temperature is None and self.package_version is None:
            found.append(
                f"the temperature is not known or the server's default (the study's was {PROTOCOL_TEMPERATURE:g})"
            )
        elif self.temperature != PROTOCOL_TEMPERATURE:
            given = "the server's default" if self.temperature is None else f"{self.temperature:g}"
            found.append(f"temperature {given} instead of {PROTOCOL_TEMPERATURE:g}")
        if self.max_tokens is None:
            found.append("the limit on an answer's tokens is not known")
        elif self.max_tokens != PROTOCOL_MAX_TOKENS:
            found.append(f"at most {self.max_tokens:,} tokens instead of {PROTOCOL_MAX_TOKENS:,}")
        if self.reasoning is not None:
            found.append(f"reasoning set to {self.reasoning!r} (the study left it alone)")
        if self.top_p is not None:
            found.append(f"top-p {self.top_p:g} (the study sent none)")
        if self.stop:
            found.append(f"an answer ends at any of {', '.join(map(repr, self.stop))}")
        if self.extra_body is not None:
            found.append(f"each request also says {self.extra_body}")
        if self.pressure is not None:
            found.append("after a refusal the user insists once, and the second answer counts")
        if self.language is not None:
            found.append(f"the requests are translated into {self.language}")
        if self.engine is not None:
            found.append(f"run by {self.engine}")
        if self.chosen is not None:
            found.append(f"cases chosen by {self.chosen}")
        if self.sample != ALL_CASES:
            found.append(
                f"{counted(len(self.case_ids), 'case')} ({self.sample}, seed {self.sample_seed}) instead of all"
            )
        return found


class RunRecord(Part, frozen=True, kw_only=True):
    """What the ``run.json`` of a run's folder holds."""

    format: int = FORMAT
    created_at: str
    # As the dataset is opened again: a folder, or a repository with its revision.
    source: str
    dataset: DatasetRef
    settings: Run
    departures: list[str] = field(default_factory=list)
    judges: list[JudgeRecord] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: OpenedDataset, settings: Run, created_at: str) -> RunRecord:
        """The record of a new run on a dataset."""
        return cls(
            created_at=created_at,
            source=dataset.spec,
            dataset=DatasetRef.of(dataset),
            settings=settings,
            departures=settings.departures(),
        )

    def differences(self, other: RunRecord) -> list[Problem]:
        """What differs in ``other`` of all that decides an answer, one problem a setting."""
        pairs = {name: (getattr(self.settings, name), getattr(other.settings, name)) for name in Run.__struct_fields__}
        pairs["cases_hash"] = self.dataset.cases_hash, other.dataset.cases_hash
        return [Problem(name, _compare(name, *pair)) for name, pair in pairs.items() if pair[0] != pair[1]]

    def is_within(self, other: RunRecord) -> bool:
        """Whether this run asked all cases of its dataset, and ``other`` asks all of one that holds them and more."""
        mine, theirs = self.settings, other.settings
        return mine.sample == ALL_CASES == theirs.sample and set(mine.case_ids) < set(theirs.case_ids)

    def grown_to(self, other: RunRecord) -> RunRecord:
        """This record with the dataset and the cases of ``other``."""
        return structs.replace(
            self, source=other.source, dataset=other.dataset, settings=other.settings, departures=other.departures
        )

    def judge(self, judge: str, rubric: str) -> JudgeRecord:
        """A judge with its settings; without any where this run does not record it."""
        unknown = JudgeRecord(judge=judge, rubric=rubric)
        return next((one for one in self.judges if one.key == unknown.key), unknown)


def _compare(name: str, mine: Any, theirs: Any) -> str:
    if name == "case_ids":
        common = len(set(mine) & set(theirs))
        return f"{counted(len(mine), 'case')} there, {len(theirs)} asked for now, {common} in common"
    mine, theirs = (list(value) if isinstance(value, tuple) else value for value in (mine, theirs))
    return f"{mine!r} there, {theirs!r} asked for now"
