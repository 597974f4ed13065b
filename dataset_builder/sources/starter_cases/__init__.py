"""The starter set: cases written by hand for this project, one file a family.

Bundled, so that everything runs with no network. ``dataset_builder.sources.starter`` reads it.
"""
