"""Writing new cases with a model: what is ordered, how it is asked for, and what is checked."""
