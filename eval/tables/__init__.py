"""Judging any table of requests and answers: its ``columns``, a row (``rows``), a table (``judge``), a file (``work``).

In: an Arrow table, or files of any form. Out: the same rows with labels. Imports ``judging`` and ``interop``.
"""
