"""What visitors hand in: uploads and requests, checked and put into the results.

In: files and tokens, used for one call. Out: records in the results. Imports ``data`` and ``eval``.
"""
