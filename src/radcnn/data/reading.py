"""A Reading: an image with what its reader noticed while it was read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from radcnn.core.volume import Volume
from radcnn.data.findings import Finding


@dataclass(frozen=True, eq=False)
class Reading:
    """A Volume, and the findings that go with it: what was chosen, resampled or contradicted itself.

    finite  whether its reader knows that no voxel is NaN or infinite, so that nobody need look
    files   the DICOM file of each slice that was read; empty for other formats
    numbers InstanceNumber of each of these, as viewers show it; None where there is none, and of a file's frames
    """

    volume: Volume
    findings: tuple[Finding, ...] = ()
    finite: bool = False
    files: tuple[Path, ...] = ()
    numbers: tuple[int | None, ...] = ()

    def nameless(self, path: Path) -> tuple[Finding, ...]:
        """The findings without the name of the file or folder, which may be called like its patient."""
        words = {f"folder {path.name}": "the series", path.name: "the image"}
        return tuple(replace(one, sentence=_replaced(one.sentence, words)) for one in self.findings)


def _replaced(sentence: str, words: dict[str, str]) -> str:
    for word, other in words.items():
        sentence = sentence.replace(word, other)
    return sentence
