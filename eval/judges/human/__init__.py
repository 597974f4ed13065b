"""People as judges: a sheet or a page to label on, and reading what they wrote.

In: a run. Out: labels. Imports ``judging``.
"""
