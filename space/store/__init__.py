"""Transcripts in SQLite: building the store, searching it, adding submitted runs.

In: a dataset and submitted answers. Out: rows for pages. Imports ``eval``.
"""
