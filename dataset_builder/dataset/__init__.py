"""What the dataset is: taxonomy, records, tables, a built folder opened again, samples drawn from it.

In: records, or a folder or repository that a build made. Out: an ``OpenedDataset``. Imports ``hub``.
"""
