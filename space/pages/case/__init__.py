"""The page of one case: the request, the rule, what defeats it, and what every model answered."""
