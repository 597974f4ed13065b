"""Other programs' formats: Inspect tasks and logs, Every Eval Ever, evaluation results on the Hub.

In: logs. Out: runs, logs and records. Imports ``eval_ever``, ``results`` and ``judging``.
"""
