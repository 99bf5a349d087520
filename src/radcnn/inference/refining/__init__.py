"""Refinement of what a network says by the image itself: graph cuts and a dense conditional random field."""
