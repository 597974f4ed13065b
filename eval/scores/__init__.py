"""From answers and verdicts to scores: scored arrays, slices, rates with intervals, comparisons, results as data.

In: a run, or a dataset's published answers. Out: ``Results``. Imports ``stats`` and ``runs``.
"""
