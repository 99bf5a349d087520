"""NIfTI in and out: what a header says, and a Volume written so that it comes back with every digit."""

from radcnn.data.nifti.facts import nifti_facts
from radcnn.data.nifti.writing import check_nifti_place, write_nifti

__all__ = ["check_nifti_place", "nifti_facts", "write_nifti"]
