"""What all pages share: what a page is, masthead, navigation, link to the present state; what others see of it.

Imports ``data``, ``intake`` and ``ui``.
"""
