"""Shifts of acquisition: the image that another scanner, protocol or patient would have given, in five severities."""

from radcnn.robustness.shifts.catalogue import SHIFTS, suited
from radcnn.robustness.shifts.shift import SEVERITIES, Shift, shifted

__all__ = ["SEVERITIES", "SHIFTS", "Shift", "shifted", "suited"]
