"""Batch queues of providers: many requests handed in at once, answered within a day, at half the price.

In: requests in a provider's form. Out: the answer to each, read as a live reply is. Imports ``models``.
"""
