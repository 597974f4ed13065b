"""What pages read: the dataset, the results as they stand now, and the store, kept fresh in the background.

In: a dataset and a results source. Out: ``SpaceData``. Imports ``store``.
"""
