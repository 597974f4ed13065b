"""Asking a model many things for money: choice of the model, price, estimate, consent, budget, retries.

In: items to ask about and what the user says of the model (``options``). Out: each result as it comes, and
the reason why the work stopped early, if it did. Imports ``models`` and ``storage``.
"""
