"""CT physics: beams, projectors, reconstruction, spectra, noise in the sinogram; and phantoms that are scanned by them."""
