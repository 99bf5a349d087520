"""The report's figures: vector graphics that stand inside the page, each with its caption and a text for the blind."""
