"""Results as documents and tables: ``results.json``, the leaderboard row, the paper's figures recomputed.

In: scores. Out: files and tables for the terminal. Imports ``agreement`` and ``scores``.
"""
