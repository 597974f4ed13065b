"""The quality gates that a generated case must pass, a file each."""
