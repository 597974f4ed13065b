"""Answers that were collected elsewhere, made a run: tables, samples of lm-evaluation-harness, output of batches.

In: files, a model's name and a dataset. Out: a run folder, by ``runs.import_answers``. Imports ``interop``.
"""
