"""The first page: models by discrimination, one board a judge."""
