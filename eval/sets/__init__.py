"""Many runs from one file: in comes a YAML file of models and arms, out go ordinary run folders and one table.

Imports everything about runs, judging, scores and results; only the commands import it.
"""
