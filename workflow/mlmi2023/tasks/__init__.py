"""What papers of one kind do alike, and the chain of train, predict and score that they fill in."""
