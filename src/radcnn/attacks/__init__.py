"""Changes of images that mislead a network: they know networks and tensors, neither tasks nor files."""
