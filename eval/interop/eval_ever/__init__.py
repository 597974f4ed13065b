"""Every Eval Ever: a model's rates as a record of its schema, and every answer beside it, laid out as its datastore is.

In: results, and a run. Out: records and files. Imports ``scores`` and ``runs``.
"""
