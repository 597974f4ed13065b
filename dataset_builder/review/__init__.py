"""Review by people: a sample, a page that keeps each label as it is given, and a report on how they agree."""
