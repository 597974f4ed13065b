"""The page of all pairs of models: who really differs, after correction for how many pairs there are."""
