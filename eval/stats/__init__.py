"""Statistics as pure array functions: metrics, intervals, bootstrap, ranks, kappas, corrections for a judge's errors.

In and out: numpy arrays. Imports only the taxonomy of ``dataset_builder``.
"""
