"""Training the embedded judge, with each model family held out in turn. Nothing imports it; it is a program.

In: the study's answers and verdicts. Out: the weights, the held-out verdicts and their manifest. Imports ``embedded``.
"""
