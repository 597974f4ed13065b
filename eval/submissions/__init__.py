"""A submission: made from a run, read within limits, and checked as a stranger's.

In: a run, or an upload. Out: a ``Submission`` and the problems found. Imports ``repository`` and ``results``.
"""
