"""CT physics: projector, kernels, noise in the sinogram, drawn anatomy and the simulated studies made of them."""
