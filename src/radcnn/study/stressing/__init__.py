"""`stress`: what it takes to turn a network's answers."""
