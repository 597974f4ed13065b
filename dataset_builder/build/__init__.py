"""From records to a dataset that ``load_dataset`` opens: Parquet, card, ``eval.yaml``, checks, comparison, publication.

In: ``Records``. Out: a built folder, or a commit on the Hub. Imports ``sources``, ``generation`` and ``hub``.
"""
