"""The words of the pages, in files of their own. Imports nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def prose(name: str) -> str:
    """A text of this folder by its name without the ending."""
    return (files("space") / "prose" / f"{name}.html").read_text(encoding="utf-8")


# How to cite the benchmark: the study that the cases and the taxonomy come from.


BIBTEX: Final = """\
@article{pattison2026blind,
  title         = {Blind Refusal: Language Models Refuse to Help Users Evade Unjust, Absurd, and Illegitimate Rules},
  author        = {Pattison, Cameron and Manuali, Lorenzo and Lazar, Seth},
  year          = {2026},
  eprint        = {2604.06233},
  archivePrefix = {arXiv}
}"""
