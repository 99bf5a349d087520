"""Studies whose target is another image: trained, judged, reported and applied."""
