"""What ``--help`` shows of a command: examples first, then what it does, then its options in groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import click

# Below so many options they stand in one list.
_FEW: Final = 10
_OTHERS: Final = "Options"
_MODEL: Final = "Model"
_JUDGE: Final = "Judge"
_OUTPUT: Final = "Output"
# Which options belong together, whatever command has them.
SECTIONS: Final = {
    _OTHERS: (),
    _MODEL: (
        "--model", "--base-url", "--api-key-env", "--price", "--system-prompt", "--temperature", "--max-tokens",
        "--reasoning", "--epochs", "--seed", "--top-p", "--stop", "--extra-body", "--header", "--provider",
        "--exclude-provider", "--stream",
    ),
    "Model in this process": ("--device", "--dtype", "--batch-size", "--completion"),
    "Cases": (
        "--dataset", "--targets", "--cell", "--all", "--count", "--limit", "--sample", "--controls", "--sample-seed",
        "--where", "--cases", "--epoch", "--language", "--existing", "--force", "--only",
    ),
    _JUDGE: (
        "--judge", "--judge-base-url", "--judge-api-key-env", "--judge-price", "--judge-provider",
        "--exclude-judge-provider", "--judge-max-tokens", "--judge-batch", "--show-reasoning", "--offline-floor",
        "--correct", "--labels",
    ),
    "Gates": ("--gate", "--gate-model", "--gate-base-url", "--gate-api-key-env", "--gate-price", "--gate-max-tokens"),
    "Limits": (
        "--concurrency", "--rpm", "--tpm", "--timeout", "--budget", "--rounds", "--batch", "--batch-poll",
        "--batch-cancel",
        "--batch-fallback", "--yes", "--dry-run", "--resume",
        "--retry-errors",
    ),
    _OUTPUT: (
        "--out", "--build", "--full", "--csv", "--json", "--quiet", "--verbose", "--resamples", "--help",
    ),
}  # fmt: skip
_ADDRESS: Final = frozenset({"--base-url", "--api-key-env", "--price"})
_SECTION_OF: Final = {name: section for section, names in SECTIONS.items() for name in names}
# A limit that goes without saying, as click notes it.
_LIMITS: Final = ((re.compile(r"(\d+)<=x<=(\d+)"), r"\1 to \2"), (re.compile(r"x>=(\d+)"), r"at least \1"))
_PLAIN_LIMITS: Final = re.compile(r"(?:; |(?<=\[))(?:x>=1|x>=0|x>0)(?=\])|\[(?:x>=1|x>=0|x>0)\]")
_KINDS: Final = (("INTEGER RANGE", "N"), ("INTEGER", "N"), ("FLOAT RANGE", "NUMBER"), ("FLOAT", "NUMBER"))
# A word of a command, or an option with its value, which stay on one line.
_VALUE: Final = r"""(?:'[^']*'|"[^"]*"|[^\s'"]+)"""
_PARTS: Final = re.compile(rf"--[a-z-]+ (?!--){_VALUE}|{_VALUE}")
PROGRAM: Final = "blind-refusal"


class Examples:
    """The part that commands and groups share: ``examples``, as typed after the program's name, come first."""

    examples: Sequence[str] = ()

    def show_examples(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each on a line of its own, folded as a shell takes it where the terminal is narrower."""
        if not self.examples:
            return
        # As an extension of the Hub's command it is called `hf blind-refusal`.
        root = ctx.find_root().info_name or ""
        program = root if root.endswith(PROGRAM) else PROGRAM
        formatter.write_text("Examples:")
        formatter.indent()
        for line in self.examples:
            for part in folded(f"{program} {line}", formatter.width - formatter.current_indent):
                formatter.write(f"{'':>{formatter.current_indent}}{part}\n")
        formatter.dedent()
        formatter.write_paragraph()


def folded(line: str, width: int) -> list[str]:
    """A command in lines of at most ``width`` characters that a shell takes for one; a ``# remark`` goes first."""
    command, mark, remark = line.partition("  # ")
    if len(line) <= width:
        return [line]
    lines = [f"# {remark}"] if mark else []
    here = ""
    for word in _PARTS.findall(command):
        longer = f"{here} {word}" if here else word
        if here.strip() and len(longer) + 2 > width:
            lines.append(f"{here} \\")
            here = f"  {word}"
        else:
            here = longer
    return [*lines, here]


class Helpful(Examples, click.Command):
    """A command with examples, and its options in groups where they are many."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples before all else."""
        self.show_examples(ctx, formatter)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, in groups where they are many."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in SECTIONS}
        params = self.get_params(ctx)
        few = len(params) <= _FEW
        # Where no model is asked but the judge's, an address is the judge's too.
        names = {name for param in params for name in param.opts}
        judges_alone = "--judge" in names and "--model" not in names
        for param in params:
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is None:
                continue
            known = next((_SECTION_OF[name] for name in param.opts if name in _SECTION_OF), _OTHERS)
            if known == _MODEL and judges_alone:
                known = _JUDGE if _ADDRESS.intersection(param.opts) else _OTHERS
            sections[_OTHERS if few else known].append(_readable(record))
        for name, rows in sections.items():
            if name not in (_OTHERS, _OUTPUT) and len(rows) == 1:
                sections[_OTHERS] += rows
                rows.clear()
        for name, rows in sections.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)


def _readable(record: tuple[str, str]) -> tuple[str, str]:
    """An option's name and help without what click adds for programmers."""
    name, told = record
    for kind, word in _KINDS:
        if name.endswith(f" {kind}"):
            name = f"{name.removesuffix(kind)}{word}"
            break
    told = _PLAIN_LIMITS.sub("", told)
    for pattern, words in _LIMITS:
        told = pattern.sub(words, told)
    return name, told.rstrip()
