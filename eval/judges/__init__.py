"""Judges: one file each, one interface (``interface.py``), found by name (``registry.py``)."""
