"""Asking a model many things for money: choice of the model, price, estimate, budget, retries.

In: tasks and a budget. Out: answers as they come, or the reason why work stopped. Imports ``models``.
"""
