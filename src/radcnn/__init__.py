"""radcnn: convolutional networks in radiology, honestly evaluated."""

__version__ = "0.1.0"
