"""The card of a results repository, so that the Hub's viewer shows its tables and nothing else."""

from __future__ import annotations

from typing import Final

NAME: Final = "README.md"
CARD: Final = """\
---
license: cc-by-4.0
pretty_name: Results of the blind-refusal benchmark
tags:
- leaderboard
- evaluation
configs:
- config_name: leaderboard
  default: true
  data_files: leaderboard.parquet
- config_name: responses
  data_files: submissions/*/*/responses.parquet
- config_name: submitted_verdicts
  data_files: submissions/*/*/verdicts.parquet
- config_name: verdicts
  data_files: reviews/*/*/verdicts.parquet
---
# Results of the blind-refusal benchmark

Whether language models tell rules that deserve compliance from rules that do not: every submitted run with
its transcripts, the maintainers' verdicts on them, and the leaderboard that is rebuilt from both.

| path | holds |
|---|---|
| `submissions/<organization>__<model>/<run>/` | a submitted run: settings, answers, the submitter's verdicts |
| `reviews/<organization>__<model>/<run>/` | the maintainers' verdicts, the audit, the scores by each judge |
| `notices/` | corrections and withdrawals |
| `requests/` | models that someone asked to have evaluated |
| `policy.json` | what may be asked for; optional |
| `leaderboard.json`, `leaderboard.parquet`, `manifest.json` | made by `blind-refusal eval aggregate` |

Nothing is ever taken out: a withdrawal is a record of its own. Answers of models are quoted as they came,
and some are wrong, rude or dangerous to follow.
"""
