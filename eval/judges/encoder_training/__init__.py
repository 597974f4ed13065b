"""Training the judge that reads, with each model family held out in turn. Nothing imports it; it is a program.

In: the study's answers and verdicts, and the base model. Out: weights, held-out verdicts and their manifest. Imports
``encoder``, ``embedded`` and ``training``; needs torch.
"""
