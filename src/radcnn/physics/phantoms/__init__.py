"""Phantoms: simulated patients, scanned, written as DICOM, and certified to be as hard as they are said to be."""
