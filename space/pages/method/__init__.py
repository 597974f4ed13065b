"""The page on method: what is measured, by whom, and what the paper's figures come to."""
