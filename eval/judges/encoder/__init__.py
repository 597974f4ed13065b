"""A small language model that reads request and answer, tuned on the study's verdicts, beside the offline judge.

In: a case and an answer's text. Out: labels with probabilities. Imports ``embedded``; no torch is needed to judge.
"""
