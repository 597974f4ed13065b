"""Asking one model one thing: requests, replies, faults, providers, pace, and a small model on this machine.

In: a ``ChatRequest``. Out: a ``ChatAnswer`` with a status, or an error that says what to do.
Imports ``net`` and ``dataset``.
"""
