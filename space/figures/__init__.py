"""What is drawn: the signature picture as SVG with the page, and plotly's figures for those who look closer.

In: shares with their intervals. Out: SVG as HTML, or plotly figures. Imports ``ui``.
"""
