"""DICOM in: a header read safely, the values of an image, its place in the patient, a series as one volume."""

from radcnn.data.dicom.header import Identity, dicom_identity

__all__ = ["Identity", "dicom_identity"]
