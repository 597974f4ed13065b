"""What pages are made of: links, safe text, colours, theme, figures.

In: values. Out: HTML and figures. Imports only ``dataset_builder``.
"""
