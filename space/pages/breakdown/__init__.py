"""The page of slices: help by family, authority and more."""
