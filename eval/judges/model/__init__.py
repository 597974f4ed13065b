"""The judge that asks a model: rubric, prompt that hostile text cannot leave, strict reading of the reply.

In: cases and answers. Out: labels with the raw reply. Imports the interface of ``judges``.
"""
