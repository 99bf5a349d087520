"""An image that was read, told in a few lines or as JSON: size, place, values, and what its reader noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radcnn.core.volume import Volume
from radcnn.data.reading import Reading

if TYPE_CHECKING:
    from radcnn.data.masks.mask import Mask
    from radcnn.physics.lower_dose import Lowered
    from radcnn.study.reconstructing import Reconstructed

UNKNOWN = "unknown: lengths are in voxels"
PLACES = {"patient": "in the patient (LPS)", "image": "spacing known, place in the patient unknown", "unknown": UNKNOWN}


def read_text(found: Reading) -> str:
    """What a person wants to know of an image."""
    volume = found.volume
    lines = [
        f"size      {' x '.join(map(str, volume.size))} ({AXES[volume.rank]}), {_channels(volume)}",
        f"spacing   {_spacing(volume)}",
        f"place     {PLACES[volume.frame]}",
        f"values    {volume.units}, {volume.voxels.dtype}, {volume.voxels.min():g} to {volume.voxels.max():g}",
    ]
    if volume.affine is not None and volume.frame == "patient":
        lines.insert(3, f"corner    {_point(volume)} mm is the centre of the first voxel")
    return "\n".join([*lines, *map(str, found.findings)])


AXES = {2: "rows, columns", 3: "slices, rows, columns"}


def read_json(found: Reading) -> dict[str, Any]:
    """The same as a JSON object; the affine takes (slice, row, column, 1) to LPS millimetres."""
    volume = found.volume
    return {
        "size": list(volume.size),
        "channels": volume.channels,
        "spacing_mm": None if volume.spacing_mm is None else list(volume.spacing_mm),
        "frame": volume.frame,
        "affine": None if volume.affine is None else volume.affine.tolist(),
        "units": volume.units,
        "dtype": str(volume.voxels.dtype),
        "minimum": _finite(float(volume.voxels.min())),
        "maximum": _finite(float(volume.voxels.max())),
        "findings": [finding.as_json() for finding in found.findings],
    }


def mask_text(found: Mask) -> str:
    """Size of a mask and the voxels of each label, with what the file calls it."""
    volume, counts = found.volume, found.counts()
    lines = [f"size      {' x '.join(map(str, volume.size))} ({AXES[volume.rank]}), like its image"]
    lines += [f"label {label:<4}{n:,} voxels  {found.names.get(label, '')}".rstrip() for label, n in counts.items()]
    return "\n".join([*lines, *([] if counts else ["empty: no voxel has a label"]), *found.notes])


def mask_json(found: Mask) -> dict[str, Any]:
    """The same as a JSON object."""
    labels = {str(label): {"voxels": n, "name": found.names.get(label)} for label, n in found.counts().items()}
    return {"size": list(found.volume.size), "labels": labels, "notes": list(found.notes)}


def lowered_text(found: Lowered, dose: float) -> str:
    """Noise before and after, and what the scan was found to have been taken with."""
    before, after = found.noise_hu
    return (
        f"SIMULATED at {dose:.3g} of its dose: noise in soft tissue {before:.1f} HU before, {after:.1f} HU after; "
        f"the scan was found to have had {found.photons:.2g} photons for each ray"
    )


def lowered_json(found: Lowered, dose: float) -> dict[str, Any]:
    """The same as a JSON object."""
    before, after = found.noise_hu
    told = {"simulated": True, "dose": dose, "photons_per_ray": found.photons}
    return {**told, "noise_hu": {"before": before, "after": after}}


def _channels(volume: Volume) -> str:
    return "1 channel" if volume.channels == 1 else f"{volume.channels} channels"


def _spacing(volume: Volume) -> str:
    if volume.spacing_mm is None:
        return "unknown"
    return " x ".join(f"{length:.6g}" for length in volume.spacing_mm) + " mm"


def _point(volume: Volume) -> str:
    assert volume.affine is not None, "asked only where the place is known"
    return "(" + ", ".join(f"{value:.6g}" for value in volume.affine[:3, 3]) + ")"


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def reconstructed_text(made: Reconstructed) -> str:
    """Size and spacing of a reconstruction, and how far its projections are from what was measured."""
    size = " x ".join(map(str, made.volume.size))
    spacing = " x ".join(f"{step:.4g}" for step in made.volume.spacing_mm or ())
    lines = [f"{made.method} of {made.views} views: {size} voxels of {spacing} mm, in HU"]
    lines.append(f"projections differ from what was measured by {made.residual:.2%}")
    if made.starved:
        lines.append(f"{made.starved} rays that no photon came through were read as one photon")
    return "\n".join(lines)
