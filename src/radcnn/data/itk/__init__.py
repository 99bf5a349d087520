"""MetaImage (.mha, .mhd) and NRRD (.nrrd, .nhdr) in, through SimpleITK where it is installed."""

from radcnn.data.itk.facts import ItkFormat, itk_facts
from radcnn.data.itk.reading import read_itk, read_itk_reading

__all__ = ["ItkFormat", "itk_facts", "read_itk", "read_itk_reading"]
