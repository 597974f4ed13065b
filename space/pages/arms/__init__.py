"""How far models move between the arms of a set, and how stable their labels are. Imports ``frame`` and ``ui``."""
