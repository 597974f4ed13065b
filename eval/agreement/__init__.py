"""How far a judge can be trusted: agreement with people and with the study, corrected rates, its ranking of models.

In: labels from two sources. Out: kappas, corrected rates, reports. Imports ``judging`` and ``scores``.
"""
