"""Evaluating models: answers, verdicts, scores, submissions, the leaderboard's data.

In: the dataset. Out: runs and results. Imports ``dataset_builder``, never ``space``.
"""
