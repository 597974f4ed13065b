"""The sub-commands of ``blind-refusal space``: one file each, which reads options and prints."""
