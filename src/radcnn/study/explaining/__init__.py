"""`explain`: which part of an image a network's answer comes from, and whether the map that says so can be believed."""
