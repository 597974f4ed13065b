"""The leaderboard Space: results and transcripts as pages.

In: what ``eval`` makes. Out: a Gradio app. Imports ``eval`` and ``dataset_builder``.
"""
