"""Which judge (``registry``), judging a run, and the judge that asks a model only where the offline one is unsure.

In: a run and the name of a judge. Out: verdicts in the run. Imports ``judges``.
"""
