"""Running the pages: on this machine, as a Space, and the demonstration.

In: a dataset and results. Out: a server, or a staged Space on the Hub. Imports ``pages``.
"""
