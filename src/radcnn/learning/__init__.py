"""Learning: the training loop as a function that yields events, and what it is made of."""
