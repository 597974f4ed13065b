"""Maintaining the leaderboard: judging again, audits, decisions, merging, and the worker that evaluates requests.

In: submissions and requests. Out: reviews in the results repository. Imports ``submissions`` and ``boards``.
"""
