"""The page where runs are submitted and evaluations asked for."""
