"""Which group of a series is the volume, when it holds several phases, echoes or time points."""

from __future__ import annotations

from collections.abc import Sequence

from radcnn.core.errors import GeometryError, InputError
from radcnn.data.dicom.agreement import difference, says_more_than_one_thing
from radcnn.data.dicom.phases import Split, told_apart
from radcnn.data.dicom.regularity import broken, stack_of
from radcnn.data.dicom.slices import Slice
from radcnn.data.dicom.which_series import Asked, Series
from radcnn.data.findings import Finding, counted, finding

SHOWN = 10  # groups in a message


def chosen_group(
    slices: Sequence[Slice], series: Series, asked: Asked, whose: str
) -> tuple[Sequence[int], list[Finding]]:
    """The slices of the group that was asked for, or of the first, and a finding where a rule chose.

    Raises GeometryError when the groups are not alike and none was named, InputError when there is no such group.
    """
    everything = range(len(slices))
    split = _split(slices, asked)
    if split is None:
        if asked.group in (None, 1):
            return everything, []
        raise InputError(f"{whose} holds one volume in this series, and no group {asked.group}; leave the group out")
    if asked.group is not None:
        if not 1 <= asked.group <= len(split.groups):
            raise InputError(f"{whose} holds {_told(split)}; there is no group {asked.group}")
        return split.groups[asked.group - 1], []
    name = f"--series {'' if series.number is None else series.number}"
    way = f"{name}.2" if series.number is not None else f"{name}:2"
    if not split.alike:
        raise GeometryError(
            f"{whose} holds {_told(split)}, which differ in size or place; choose one, the second with {way}"
        )
    size = counted(len(split.groups[0]), "slice")
    sentence = (
        f"{whose} holds {len(split.groups)} groups of {size} that show the same part of the patient, told apart by "
        f"{split.key}; the first of them in this order was taken"
    )
    return split.groups[0], [finding("one of several phases taken", sentence, f"take the second with {way}")]


def _split(slices: Sequence[Slice], asked: Asked) -> Split | None:
    """How the series falls apart, if it must: it is not asked of slices that are one volume as they are."""
    if difference(slices) is not None:
        return told_apart(slices)
    fault = broken(stack_of([found.placed for found in slices]))
    if fault is None and asked.group is None:
        return told_apart(slices, content_only=True) if says_more_than_one_thing(slices) else None
    split = told_apart(slices)
    if split is None or split.alike or asked.group is not None or (fault is not None and fault.kind == "same place"):
        return split
    return None  # uneven slices may be missing some; only groups that are whole explain them


def _told(split: Split) -> str:
    sizes = [str(len(group)) for group in split.groups[:SHOWN]]
    more = ", ..." if len(split.groups) > SHOWN else ""
    return f"{len(split.groups)} groups told apart by {split.key} ({', '.join(sizes)}{more} slices)"
