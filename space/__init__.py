"""The leaderboard Space of the blind-refusal benchmark."""
