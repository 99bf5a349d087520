"""Shortcuts: what tells the label without the patient, so that a network would learn it instead of the disease.

features     named columns of numbers
families     which features belong together: the file, site, scanner, border, markers, mean and histogram
markers      small structures in the frame, as letters are
questions    what the target asks, with yes and no
foretelling  scores of a small model on patients it was not fitted to
shortcut     how well each family tells the label
judging      findings
scanner      traits of the scanner from DICOM headers
"""

from radcnn.data.shortcuts.judging import shortcut_findings
from radcnn.data.shortcuts.scanner import header_traits
from radcnn.data.shortcuts.shortcut import Shortcut, shortcuts

__all__ = ["Shortcut", "header_traits", "shortcut_findings", "shortcuts"]
