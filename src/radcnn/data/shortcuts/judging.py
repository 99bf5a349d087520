"""What a shortcut means: an error where it cannot be the disease, a warning where it may be."""

from __future__ import annotations

from collections.abc import Iterable

from radcnn.data.findings import Finding, finding
from radcnn.data.shortcuts.shortcut import Shortcut

LOOK = "look at images of both kinds side by side"
BALANCE = "balance it, or take cases of one kind: a network will learn it instead of the disease"


def shortcut_findings(shortcuts: Iterable[Shortcut]) -> tuple[Finding, ...]:
    """Findings about the families that tell the label: AUC above 0.8 with an interval clear of 0.5."""
    return tuple(_found(one) for one in shortcuts if one.loud)


def _found(shortcut: Shortcut) -> Finding:
    said = f"{_told(shortcut)}; most by {shortcut.what}"
    family = shortcut.family
    if family == "file metadata":
        return finding("shortcut in the file", f"size and form of the file {said}", BALANCE)
    if family == "bytes on disk":
        way_out = f"a disease may change how far an image can be compressed; {LOOK}"
        return finding("compressed size tells the label", f"bytes of compressed files {said}", way_out)
    if family in ("site", "scanner"):
        whose = "names of sites" if family == "site" else "scanner and settings"
        return finding("shortcut in site or scanner", f"{whose} {said}", BALANCE)
    if family == "columns":
        way_out = "age or sex may do so with the disease; anything else is a shortcut"
        return finding("columns tell the label", f"columns of the table {said}", way_out)
    if family == "marker":
        way_out = f"{LOOK}, and cover or crop letters and markers"
        return finding("shortcut by a marker", f"structures in the frame, as of letters, {said}", way_out)
    if family == "border and corners":
        return _border(shortcut, said)
    way_out = f"a disease may change them, and so does another scanner or window; {LOOK}"
    return finding("mean or histogram tells the label", f"mean and histogram {said}", way_out)


def _border(shortcut: Shortcut, said: str) -> Finding:
    """A disease that reaches the border is seen inside at least as well; an artefact is not."""
    if shortcut.low > shortcut.inside:
        sentence = f"borders and corners {said}; the inside of the image tells less (AUC {shortcut.inside:.2f})"
        return finding("shortcut at the border", sentence, f"{LOOK}, and crop the border")
    sentence = f"borders and corners {said}; the inside of the image tells as much (AUC {shortcut.inside:.2f})"
    return finding("border tells the label", sentence, f"a disease that reaches the border may do so; {LOOK}")


def _told(shortcut: Shortcut) -> str:
    figures = f"AUC {shortcut.auc:.2f}, {shortcut.low:.2f} to {shortcut.high:.2f}, {shortcut.patients} patients"
    return f"tell {shortcut.about} without the patient ({figures})"
