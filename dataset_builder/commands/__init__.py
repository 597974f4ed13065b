"""The sub-commands of ``blind-refusal dataset``: one file each, which reads options and prints.

May import every folder of this package; nothing imports it but ``cli.py``, by name.
"""
