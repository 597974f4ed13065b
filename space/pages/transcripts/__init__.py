"""The page of transcripts: search, one answer with its verdict, all answers to one case."""
