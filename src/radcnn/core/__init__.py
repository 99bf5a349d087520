"""Words everybody uses: Volume, Case, Predictions, Estimate, errors, chance, files, catalogues."""
