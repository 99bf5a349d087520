"""The story on a page: every verb as one Python call."""
