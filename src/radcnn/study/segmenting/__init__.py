"""Studies in which structures are outlined: trained, judged, reported and applied."""
