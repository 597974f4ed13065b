"""A model writes new cases for cells that lack some, and code checks what code can check.

In: a plan of cells and a model. Out: a batch of generated cases with a report. Imports ``gates`` and ``work``.
"""
