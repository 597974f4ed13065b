"""The records of a results repository, each defined once: bundles, reviews, requests, notices, the leaderboard.

In and out: files of a results folder, on this machine or on the Hub. Imports ``runs`` and ``scores``.
"""
