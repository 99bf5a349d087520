"""What a network's answers are worth on worse images: shifts of acquisition, attacks, and its doubts."""
