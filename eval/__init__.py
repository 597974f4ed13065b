"""Evaluate models on the blind-refusal benchmark: collect, judge, score."""
