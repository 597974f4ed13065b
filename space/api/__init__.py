"""The pages' data for programs: named endpoints, tools of an MCP server, and tables as files.

In: parameters of strangers. Out: JSON of one shape, CSV, Parquet. Imports the pages' states and tables.
"""
