"""What all pages share: what a page is, masthead, navigation, link to the present state.

Imports ``data``, ``intake`` and ``ui``.
"""
