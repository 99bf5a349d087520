"""CT physics: beams, projectors, reconstruction, spectra, noise in the sinogram; and phantoms, scanned by them."""
