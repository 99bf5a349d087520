"""Inference: bundles, and scores from the networks in them."""
