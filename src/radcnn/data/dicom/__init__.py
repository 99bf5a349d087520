"""DICOM in: a header read safely, the values of an image, its place in the patient, a series as one volume."""
