"""What a judge is (``interface``), and the judges: ``embedded``, ``model``, ``human``, and published verdicts.

In: a ``JudgeTask`` (a case and an answer). Out: a ``Verdict``. Imports ``runs``.
"""
