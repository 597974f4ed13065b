"""Generated cases on disk: lines, gate verdicts, reviews, targets, and what no case may hold of real people.

In: a folder of generated cases. Out: its records. Imports ``models`` and ``storage``.
"""
