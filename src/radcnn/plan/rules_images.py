"""Rules for what the network is given: size, channels, grey values, and random changes of them."""

from __future__ import annotations

from radcnn.data.dicom.padding import LOWEST_HU
from radcnn.plan.facts import Facts
from radcnn.plan.settings import Reason
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.drawing import Transform
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.erasing import RandomErasing
from radcnn.transforms.intensity import Intensity
from radcnn.transforms.noise import Noise
from radcnn.transforms.preparation import Preparation, Within
from radcnn.transforms.spatial import Flip, Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness, Contrast, Gamma

SMALL_SIDE = 64  # pixels; images up to this side are taken as they are
SIDES_2D = (224, 192, 160, 128, 96, 64)  # candidates for larger images, largest first
SIDES_3D = (64, 48, 32)
REGION_MM = 40.0  # the smallest of Kang's three views (40, 50, 60 mm): a 30 mm lesion with its margin
REGION_SIDE = 32  # voxels of a region: 1.25 mm each at 40 mm
LUNG_WINDOW = (-1000.0, 400.0)  # HU, Setio 2016
FITS = {  # how an image of another size is brought to the network's
    "crop": "cut out about the centre at the same scale in every case",
    "stretch": "the images all have one size, so all are scaled alike",
    "pad": "shrunk in proportion and filled up at the sides, so that shapes keep their form",
}
NARROWEST_WINDOW = 10.0  # HU, for images that are all one value


def size_rule(facts: Facts, largest_affordable: int) -> tuple[tuple[int, ...], str, Reason]:
    """Size (slices, rows, columns) and how images are fitted to it."""
    found = facts.fingerprint
    if found.regions:
        size = (REGION_SIDE,) * found.rank
        sentence = "regions are cut in mm about their centres, so that a lesion has the same scale at every spacing"
        return size, "crop", Reason("preparation.size", str(size), sentence)
    sides = tuple(int(n) for n in found.size.median)
    if found.same_size and max(sides) <= SMALL_SIDE:
        return sides, "stretch", Reason("preparation.size", str(sides), "small images are taken as they are")
    size = (min(largest_affordable, max(sides)),) * found.rank
    sentence = f"the largest size with enough epochs within {facts.minutes:g} minutes; proportions are kept"
    return size, "pad", Reason("preparation.size", str(size), sentence)


def within_rule(facts: Facts) -> tuple[Within, tuple[Reason, ...]]:
    """Of a whole CT volume, the body is looked at; of anything else there is nothing to say."""
    found = facts.fingerprint
    if found.rank == 3 and found.units == ("HU",) and not found.regions:
        sentence = "air and the table about the body say nothing, and would take up half of the voxels"
        return "body", (Reason("preparation.within", "body", sentence),)
    return "image", ()


def channels_rule(facts: Facts) -> tuple[int, Reason]:
    """Grey images have one channel, even when they are stored as colour."""
    found = facts.fingerprint
    if found.channels == 1 or found.grey_as_colour:
        stored = f", {'some ' if found.channels == 1 else ''}stored as three equal channels"
        sentence = "the images are grey" + (stored if found.grey_as_colour else "")
        return 1, Reason("preparation.channels", "1", sentence)
    return found.channels, Reason("preparation.channels", str(found.channels), "the images are in colour")


def intensity_rule(facts: Facts) -> tuple[Intensity, Reason]:
    """Grey values keep their meaning: HU are windowed, stored bytes scaled, arbitrary units standardised."""
    found, name = facts.fingerprint, "preparation.intensity"
    grey = found.intensities
    if found.units == ("HU",):
        low, high = max(round(grey.p0_5, -1), LOWEST_HU), round(grey.p99_5, -1)
        if found.regions and grey.p5 < -600:
            low, high = LUNG_WINDOW
        high = max(high, low + NARROWEST_WINDOW)
        sentence = f"HU keep their meaning: the window {low:g} to {high:g} HU becomes 0 to 1 in every case"
        return Intensity("window", low, high), Reason(name, f"window {low:g} to {high:g} HU", sentence)
    if grey.binary:
        sentence = "the images hold two values only: a shape"
        high = grey.maximum if grey.maximum > grey.minimum else grey.minimum + 1
        return Intensity("range", grey.minimum, high), Reason(name, "0 to 1", sentence)
    if found.stored_uint8:
        sentence = "8-bit levels, scaled alike in every image"
        return Intensity("range", 0.0, 255.0), Reason(name, "0 to 255 becomes 0 to 1", sentence)
    if found.rank == 2:
        sentence = "exposure and detector set the levels, so each image is scaled by its own percentiles"
        return Intensity("percentiles", 1, 99), Reason(name, "percentiles 1 to 99", sentence)
    sentence = "arbitrary units (as in MR): each volume is brought to mean 0 and standard deviation 1"
    return Intensity("zscore"), Reason(name, "mean 0, sd 1 of each volume", sentence)


def augmentation_rule(facts: Facts, preparation: Preparation) -> tuple[Augmentation, tuple[Reason, ...]]:
    """Random changes a reader would not mind: small motions always, grey values where they carry no units."""
    found = facts.fingerprint
    shape_only = found.intensities.binary
    spatial: list[Transform] = []
    said = []
    if found.regions:
        spatial.append(Flip(laterality="free", axes=tuple(range(-found.rank, 0))))
        said.append(Reason("augmentation.flip", "all axes", "a region about a lesion has no side"))
    else:
        said.append(Reason("augmentation.flip", "none", "left and right matter in a whole image"))
    degrees = 180.0 if found.regions and found.rank == 2 else 20.0 if found.rank == 3 else 12.0
    spatial += [Rotate(degrees=degrees), Scale(factor=(0.85, 1.18)), Translate(fraction=0.08)]
    sentence = "patients are not placed and sized alike"
    said.append(Reason("augmentation.motion", f"rotation {degrees:g} degrees, scale 0.85-1.18, shift 8 %", sentence))
    tones: list[Transform] = []
    if shape_only:
        spatial.append(Elastic(sd=0.03, p=0.5))
        said.append(Reason("augmentation.elastic", "in half of the cases", "shapes are bent a little, as organs are"))
        said.append(Reason("augmentation.tones", "none", "two values only: there is no brightness to change"))
    elif found.units == ("HU",):
        tones = [Noise(sd=0.02, p=0.5)]
        said.append(Reason("augmentation.tones", "noise only", "HU have a fixed scale; scanners differ in noise"))
    else:
        tones = [Brightness(shift=0.15), Contrast(factor=(0.7, 1.4)), Gamma(), Noise(sd=0.04, p=0.3)]
        said.append(
            Reason("augmentation.tones", "brightness, contrast, gamma, noise", "exposure differs between devices")
        )
        tones.append(RandomErasing(area=(0.02, 0.15), p=0.25))
        said.append(Reason("augmentation.erasing", "2-15 % in a quarter of cases", "markers and devices hide parts"))
    spacing = _spacing(preparation)
    padding = "zeros" if shape_only else "border"
    beyond = "nothing lies beyond a shape" if shape_only else "what lies beyond the edge is most like the edge"
    said.append(Reason("augmentation.padding", padding, beyond))
    return Augmentation((*spatial, *tones), padding, spacing), tuple(said)  # type: ignore[arg-type]


def _spacing(preparation: Preparation) -> tuple[float, ...] | None:
    if preparation.region_mm is not None:
        return tuple(mm / n for mm, n in zip(preparation.region_mm, preparation.size, strict=True))
    return preparation.spacing_mm
