"""The judges inside engines that map over tables: datatrove (``trove``) and Ray Data (``ray_data``), each a thin layer.

In: Parquet files. Out: the same rows with labels. ``ray_llm`` has Ray run an open-weights model as the judge, whose
questions and labels are ``engine_judge``'s. Nothing here schedules anything. Imports ``tables``.
"""
