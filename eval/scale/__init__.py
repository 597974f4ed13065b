"""The judges inside engines that map over tables: datatrove (``trove``) and Ray Data (``ray_data``), each a thin layer.

In: Parquet files. Out: the same rows with labels. Nothing here schedules anything. Imports ``tables``.
"""
