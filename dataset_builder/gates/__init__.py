"""The quality gates: what each asks, the offline first pass, asking a model, agreement with the study's gates.

In: generated cases. Out: gate verdicts in the batch. Imports ``work``, ``batch`` and ``sources``.
"""
