"""A run: its settings, its answers and verdicts on disk, and the collecting of answers.

In: cases and a model. Out: a ``RunFolder``. Imports ``dataset_builder``.
"""
