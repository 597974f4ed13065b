"""Models that this process runs itself, by transformers or vLLM: no server, no key.

In: ``transformers:PATH_OR_REPO``. Out: answers, as a server's client gives them. Imports ``models`` and ``hub``; the
engines are imported when a model is loaded.
"""
