"""Loops over voxels, compiled at first use: plain numpy arrays in and out, nothing of volumes, files or torch."""
