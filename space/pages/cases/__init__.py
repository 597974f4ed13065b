"""The page of cases: the taxonomy with counts and examples."""
