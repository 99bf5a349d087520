"""MetaImage (.mha, .mhd) and NRRD (.nrrd, .nhdr) in, through SimpleITK where it is installed."""

from radcnn.data.itk.facts import ItkFormat, itk_facts

__all__ = ["ItkFormat", "itk_facts"]
