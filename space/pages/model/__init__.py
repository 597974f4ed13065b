"""The page of one model: its rates, where it does better and worse, telling answers, its runs."""
