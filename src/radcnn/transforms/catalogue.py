"""The catalogue of random transforms, by the name a settings file uses."""

from __future__ import annotations

from radcnn.transforms.coarse import LowResolution
from radcnn.transforms.drawing import Transform
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.erasing import RandomErasing
from radcnn.transforms.noise import Blur, Noise
from radcnn.transforms.spatial import Crop, Flip, Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness, Contrast, Gamma

TRANSFORMS: dict[str, type[Transform]] = {
    "flip": Flip,
    "translate": Translate,
    "crop": Crop,
    "rotate": Rotate,
    "scale": Scale,
    "elastic": Elastic,
    "erasing": RandomErasing,
    "gamma": Gamma,
    "brightness": Brightness,
    "contrast": Contrast,
    "noise": Noise,
    "blur": Blur,
    "low_resolution": LowResolution,
}
