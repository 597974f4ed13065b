"""The judge that runs offline: features, weights, and the verdicts of weights that had not seen a model's family.

In: cases and answers. Out: labels with probabilities. Imports the interface of ``judges``.
"""
