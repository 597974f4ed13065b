"""The page that sets two models side by side."""
