"""The sub-commands of ``blind-refusal board``, for whoever keeps a leaderboard; each reads options and prints.

May import every folder of this package; nothing imports it but ``cli.py``, by name.
"""
