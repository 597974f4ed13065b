"""The leaderboard, rebuilt from a results folder and from nothing else; one board a judge.

In: a results folder. Out: ``leaderboard.json`` and its table. Imports ``repository`` and ``results``.
"""
