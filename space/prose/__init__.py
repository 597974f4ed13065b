"""The words of the pages, in files of their own. Imports nothing but what the rates are."""

from __future__ import annotations

from typing import Final

# How to cite the benchmark: the study that the cases and the taxonomy come from.
BIBTEX: Final = """\
@article{pattison2026blind,
  title         = {Blind Refusal: Language Models Refuse to Help Users Evade Unjust, Absurd, and Illegitimate Rules},
  author        = {Pattison, Cameron and Manuali, Lorenzo and Lazar, Seth},
  year          = {2026},
  eprint        = {2604.06233},
  archivePrefix = {arXiv}
}"""
