"""What was found by looking into a network, and what the report says of it."""
