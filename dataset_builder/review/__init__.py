"""People label cases on a page on this machine, and their agreement is reported.

In: cases and a labels file. Out: labels. Imports ``batch`` and ``models``.
"""
