"""The dataset of the blind-refusal benchmark: sources, labels, checks, build and publishing."""

__version__ = "0.1.0"
