"""SHIFTS: every shift of acquisition with its five amounts, and which of them suit an image."""

from __future__ import annotations

from collections.abc import Sequence

from radcnn.core.errors import InputError
from radcnn.core.volume import Units
from radcnn.robustness.shifts import ct, metal, mr, radiograph, sampling
from radcnn.robustness.shifts.shift import Modality, Shift

SHIFTS: dict[str, Shift] = {
    "ct_dose": Shift(
        title="dose", what="a share of the scan's dose, its noise made in the sinogram", amount="{:g} % of the dose",
        levels=(75, 50, 25, 15, 10), modality="ct", make=lambda volume, percent, chance: ct.at_dose(
            volume, percent / 100, chance
        ), projected=True,
    ),
    "ct_noise": Shift(
        title="noise", what="noise of the grain of filtered back-projection, equal everywhere", amount="{:g} HU more",
        levels=(5, 10, 20, 40, 80), modality="ct", make=ct.with_noise,
    ),
    "ct_softer": Shift(
        title="softer kernel", what="a kernel that ends at a lower frequency; the scan's is taken to end at 0.5 per mm",
        amount="to {:g} per mm", levels=(0.45, 0.4, 0.35, 0.3, 0.25), modality="ct", make=ct.with_kernel,
    ),
    "ct_sharper": Shift(
        title="sharper kernel", what="a kernel that ends at a higher frequency; the scan's is taken to end at 0.5 per "
        "mm", amount="to {:g} per mm", levels=(0.55, 0.6, 0.7, 0.8, 0.9), modality="ct", make=ct.with_kernel,
    ),
    "ct_thickness": Shift(
        title="slice thickness", what="every slice the mean over a thickness along the stack", amount="{:g} mm",
        levels=(2, 3, 5, 7.5, 10), modality="ct", make=sampling.thicker_slices, ranks=(3,),
    ),
    "ct_offset": Shift(
        title="HU offset", what="all values higher, as of a scanner that is not calibrated", amount="+{:g} HU",
        levels=(5, 10, 20, 40, 80), modality="ct", make=ct.offset,
    ),
    "ct_metal": Shift(
        title="metal streaks", what="a rod of titanium: hardening and rays without photons", amount="{:g} mm thick",
        levels=(2, 4, 7, 11, 16), modality="ct", make=metal.with_rod, projected=True,
    ),
    "mr_noise": Shift(
        title="Rician noise", what="noise of the receiver, of the bright signal", amount="{:g} %",
        levels=(2, 4, 7, 11, 16), modality="mr", make=mr.rician,
    ),
    "mr_bias": Shift(
        title="bias field", what="a smooth factor over the image, up and down by", amount="{:g} %",
        levels=(10, 20, 40, 70, 100), modality="mr", make=mr.bias_field,
    ),
    "mr_motion": Shift(
        title="motion", what="lines of k-space from a patient who has moved by up to 4 mm, the outer ones first",
        amount="{:g} % of the lines", levels=(15, 30, 50, 70, 90), modality="mr", make=mr.moved,
    ),
    "mr_ghosting": Shift(
        title="ghosting", what="every fourth line of k-space weaker by", amount="{:g} %",
        levels=(10, 20, 40, 70, 100), modality="mr", make=mr.ghosted,
    ),
    "mr_gamma": Shift(
        title="gamma", what="values between the lowest and the highest to the power of", amount="{:g}",
        levels=(1.1, 1.25, 1.5, 1.9, 2.5), modality="mr", make=mr.gamma,
    ),
    "xr_exposure": Shift(
        title="exposure", what="fewer photons: noise, and a tenth of the change of level", amount="{:g} % of the "
        "exposure", levels=(50, 25, 10, 5, 2), modality="radiograph", make=radiograph.exposed,
    ),
    "xr_blur": Shift(
        title="movement blur", what="movement along the rows during the exposure", amount="{:g} % of the height",
        levels=(0.5, 1, 2, 4, 8), modality="radiograph", make=radiograph.movement,
    ),
    "xr_collimation": Shift(
        title="collimation", what="a black border on every side", amount="{:g} % of each side",
        levels=(2, 5, 8, 12, 16), modality="radiograph", make=radiograph.collimated,
    ),
    "xr_inversion": Shift(
        title="inversion", what="a contrast curve on its way to the negative: contrast times 1 - 2 s",
        amount="{:g} % inverted", levels=(10, 20, 40, 70, 100), modality="radiograph",
        make=radiograph.towards_inversion,
    ),
    "xr_rotation": Shift(
        title="rotation", what="turned in its plane about its middle", amount="{:g} degrees",
        levels=(2, 5, 10, 15, 25), modality="radiograph", make=sampling.turned,
    ),
    "spacing": Shift(
        title="spacing", what="rows and columns sampled with larger pixels, and brought back", amount="{:g} times",
        levels=(1.25, 1.5, 2, 3, 4), modality="any", make=sampling.larger_pixels,
    ),
    "resolution": Shift(
        title="resolution", what="a Gaussian blur in the plane, full width at half maximum", amount="{:g} mm",
        levels=(1, 1.5, 2, 3, 4), modality="any", make=sampling.blurred,
    ),
}  # fmt: skip
OF_UNITS: dict[Units, Modality] = {"HU": "ct", "arbitrary": "mr", "grey": "radiograph"}
INSTEAD = {"ct_noise": "ct_dose"}  # for images that cannot be projected


def suited(units: Units, rank: int) -> tuple[str, ...]:
    """Names of the shifts that belong to images of this unit and rank, in the order of SHIFTS.

    HU: CT; without a unit: MR; grey images: radiographs; grey volumes and colours: what any image may have. Raises
    InputError for masks.

    >>> suited("rgb", 2)
    ('spacing', 'resolution')
    """
    if units == "mask":
        raise InputError("a mask is not acquired, so no shift of acquisition belongs to it")
    own = "any" if units == "grey" and rank == 3 else OF_UNITS.get(units, "any")
    fits = [name for name, shift in SHIFTS.items() if shift.modality in (own, "any") and rank in shift.ranks]
    return tuple(name for name in fits if name not in INSTEAD)


def in_words(names: Sequence[str]) -> str:
    """Titles of shifts, listed."""
    return ", ".join(SHIFTS[name].title for name in names)
