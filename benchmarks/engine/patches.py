"""Random patches of a prepared case, plain, moved, bent and through a whole default pipeline: radcnn beside its peers.

    python benchmarks/engine/patches.py [--json FILE]

One case of 200 x 320 x 320 voxels with two labels; patches of 96^3, image and mask, all cores. radcnn reads its store
on the disk (file cache warm), nnU-Net its blosc2 file, MONAI and TorchIO arrays in memory.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import torch
from phantom_masks import lesions, organ
from timing import measure, report, write_rows

from radcnn.core.chance import generator, torch_generator
from radcnn.core.cores import available_cores
from radcnn.data.store import CaseStore, StoredCase
from radcnn.learning.execution import keep_memory
from radcnn.learning.patches import drawn_place, holders_of
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.coarse import LowResolution
from radcnn.transforms.drawing import Transform
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.noise import Blur, Noise
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Flip, Rotate, Scale
from radcnn.transforms.tones import Brightness, Contrast, Gamma

SIZE = (96, 96, 96)
WHOLE = (200, 320, 320)
Job = Callable[[], object]
PLAIN = "copies alone"


def case_arrays() -> tuple[np.ndarray, np.ndarray]:
    """HU in whole numbers (1, Z, Y, X) float32, and labels 0..2 (Z, Y, X) uint8."""
    rng = np.random.default_rng(0)
    mask = np.zeros(WHOLE, np.uint8)
    mask[:, 30:-34, 30:-34][organ(0)[28:228]] = 1
    mask[:, 30:-34, 30:-34][lesions(0)[28:228]] = 2
    whole = np.round(60.0 * mask + rng.normal(0, 12, WHOLE)).astype(np.int16)
    return whole.astype(np.float32)[None], mask


def ours(case: StoredCase, *transforms: Transform, size: tuple[int, ...] = SIZE) -> Job:
    """One patch after the other of the stored case."""
    pipeline = Pipeline(Augmentation(transforms, padding="zeros"))
    numbers = count()

    def job() -> object:
        number = next(numbers)
        drawn = pipeline.sample(torch_generator(0, number), (1, 1, *size))
        _, centre = drawn_place([case], holders_of([case]), lambda _: size, generator(0, number), 1.0)
        return pipeline.apply_to_patch(
            case.image, drawn, centre=centre, size=size, mask=case.mask, palette=case.palette, threads=available_cores()
        )

    return job


def crops(case: StoredCase, image: np.ndarray, mask: np.ndarray, folder: Path) -> dict[str, Job]:
    """Random crops about a labelled voxel, nothing else."""
    from monai.data import CacheDataset
    from monai.transforms import RandCropByPosNegLabeld
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    crop = RandCropByPosNegLabeld(["image", "label"], "label", SIZE, pos=1, neg=0, num_samples=1)
    cached = CacheDataset(
        [{"image": torch.from_numpy(image), "label": torch.from_numpy(mask)[None]}], None, progress=False
    )
    nnUNetDatasetBlosc2.save_case(
        image,
        mask[None].astype(np.int16),
        {},
        str(folder / "case"),
        (1, *SIZE),
        (1, 32, 32, 32),
        (1, *SIZE),
        (1, 32, 32, 32),
    )
    stored = nnUNetDatasetBlosc2(str(folder), ["case"])
    places, rng = np.argwhere(mask), np.random.default_rng(1)

    def nnunet() -> object:
        data, seg, *_ = stored.load_case("case")
        at = places[rng.integers(len(places))]
        start = [int(min(max(a - s // 2, 0), n - s)) for a, s, n in zip(at, SIZE, WHOLE, strict=True)]
        cut = (slice(None), *(slice(a, a + s) for a, s in zip(start, SIZE, strict=True)))
        return torch.from_numpy(data[cut]).float(), torch.from_numpy(seg[cut])

    return {
        "radcnn store": ours(case),
        "MONAI CacheDataset + RandCropByPosNegLabel": lambda: crop(cached[0]),
        "nnU-Net blosc2": nnunet,
    }


def plain_copies(case: StoredCase) -> Job:
    """numpy's copies of random parts of the stored codes, to float32, and of the mask: what cutting cannot avoid."""
    numbers, image, labels = count(), np.empty((1, *SIZE), np.float32), np.empty(SIZE, np.uint8)
    assert case.mask is not None
    mask = case.mask

    def job() -> object:
        chance = generator(1, next(numbers))
        cut = tuple(slice(at, at + s) for at, s in zip(chance.integers(0, np.subtract(WHOLE, SIZE)), SIZE, strict=True))
        image[...], labels[...] = case.image[:, *cut], mask[cut]
        return image, labels

    return job


def moved(case: StoredCase, image: np.ndarray, mask: np.ndarray) -> dict[str, Job]:
    """Rotation, zoom, flip and noise of every patch."""
    import torchio
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
    from monai.transforms import Compose, RandAffined, RandFlipd, RandGaussianNoised, RandSpatialCropd

    both, modes = ["image", "label"], ("bilinear", "nearest")
    given = {"image": torch.from_numpy(image), "label": torch.from_numpy(mask)[None]}
    affine = {
        "prob": 1.0,
        "rotate_range": (0.26,) * 3,
        "scale_range": (0.1,) * 3,
        "mode": modes,
        "padding_mode": "zeros",
    }
    rest = [RandFlipd(both, prob=0.5, spatial_axis=2), RandGaussianNoised("image", prob=1.0, std=0.05)]
    wide = RandSpatialCropd(both, (140, 140, 140), random_size=False)
    narrow = RandSpatialCropd(both, SIZE, random_size=False)
    first = Compose([wide, RandAffined(both, spatial_size=SIZE, **affine), *rest])
    common = Compose([RandAffined(both, **affine), *rest, narrow])
    part = {name: value[:, :140, :140, :140].contiguous() for name, value in given.items()}
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=part["image"]), label=torchio.LabelMap(tensor=part["label"])
    )
    tio = torchio.Compose(
        [
            torchio.RandomAffine(scales=0.1, degrees=15),
            torchio.CropOrPad(SIZE),
            torchio.RandomFlip(2),
            torchio.RandomNoise(std=0.05),
        ]
    )
    bg = ComposeTransforms(
        [
            SpatialTransform(
                SIZE,
                0,
                False,
                p_rotation=1.0,
                rotation=(-0.26, 0.26),
                p_scaling=1.0,
                scaling=(0.9, 1.1),
                bg_style_seg_sampling=False,
            ),
            MirrorTransform((2,)),
            GaussianNoiseTransform((0, 0.05)),
        ]
    )
    turned = (
        Rotate(degrees=15),
        Scale(factor=(0.9, 1.1), per_axis=True),
        Flip(laterality="free"),
        Noise(sd=0.05, p=1.0),
    )
    return {
        "radcnn": ours(case, *turned),
        "MONAI, crop first": lambda: first(given),
        "MONAI, as commonly written": lambda: common(given),
        "TorchIO, of a part": lambda: tio(subject),
        "batchgeneratorsv2, of a part": lambda: bg(image=part["image"], segmentation=part["label"].to(torch.int16)),
    }


def bent(case: StoredCase, image: np.ndarray, mask: np.ndarray) -> dict[str, Job]:
    """Elastic deformation and rotation of every patch."""
    import torchio
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from monai.transforms import Compose, Rand3DElasticd, RandSpatialCropd

    both = ["image", "label"]
    given = {"image": torch.from_numpy(image), "label": torch.from_numpy(mask)[None]}
    part = {name: value[:, :140, :140, :140].contiguous() for name, value in given.items()}
    monai = Compose(
        [
            RandSpatialCropd(both, (140, 140, 140), random_size=False),
            Rand3DElasticd(
                both,
                (5, 7),
                (50, 150),
                prob=1.0,
                spatial_size=SIZE,
                rotate_range=(0.26,) * 3,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
        ]
    )
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=part["image"]), label=torchio.LabelMap(tensor=part["label"])
    )
    tio = torchio.Compose(
        [torchio.RandomElasticDeformation(), torchio.RandomAffine(degrees=15), torchio.CropOrPad(SIZE)]
    )
    bg = SpatialTransform(
        SIZE, 0, False, p_elastic_deform=1.0, p_rotation=1.0, rotation=(-0.26, 0.26), bg_style_seg_sampling=False
    )
    return {
        "radcnn": ours(case, Rotate(degrees=15), Elastic(points=4, sd=0.03)),
        "MONAI": lambda: monai(given),
        "TorchIO, of a part": lambda: tio(subject),
        "batchgeneratorsv2, of a part": lambda: bg(image=part["image"], segmentation=part["label"].to(torch.int16)),
    }


def bent_2d() -> dict[str, Job]:
    """The same of an image of 512 x 512."""
    from monai.transforms import Rand2DElasticd

    rng = np.random.default_rng(2)
    image, mask = rng.normal(size=(1, 512, 512)).astype(np.float32), (rng.random((512, 512)) < 0.5).astype(np.uint8)
    case = StoredCase(image, mask=mask)
    both = {"image": torch.from_numpy(image), "label": torch.from_numpy(mask)[None]}
    monai = Rand2DElasticd(
        ["image", "label"],
        (128, 128),
        (1, 3),
        prob=1.0,
        rotate_range=(0.26,),
        mode=("bilinear", "nearest"),
        padding_mode="zeros",
    )
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    bg = SpatialTransform(
        (512, 512), 0, False, p_elastic_deform=1.0, p_rotation=1.0, rotation=(-0.26, 0.26), bg_style_seg_sampling=False
    )
    return {
        "radcnn": ours(case, Rotate(degrees=15), Elastic(points=3, sd=0.03), size=(512, 512)),
        "MONAI": lambda: monai(both),
        "batchgeneratorsv2": lambda: bg(image=both["image"], segmentation=both["label"].to(torch.int16)),
    }


def default_pipelines(case: StoredCase, image: np.ndarray, mask: np.ndarray) -> dict[str, Job]:
    """nnU-Net's default training transforms with its probabilities; MONAI's counterparts with the same."""
    import torchio
    from monai import transforms as mt
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    both = ["image", "label"]
    given = {"image": torch.from_numpy(image), "label": torch.from_numpy(mask)[None]}
    nnunet = nnUNetTrainer.get_training_transforms(
        np.array(SIZE),
        {"x": (-np.pi / 6, np.pi / 6), "y": (-np.pi / 6, np.pi / 6), "z": (-np.pi / 6, np.pi / 6)}["x"],
        None,
        (0, 1, 2),
        False,
    )
    part = {name: value[:, :140, :140, :140].contiguous() for name, value in given.items()}
    monai = mt.Compose(
        [
            mt.RandSpatialCropd(both, (140, 140, 140), random_size=False),
            mt.RandAffined(
                both,
                prob=0.36,
                rotate_range=(np.pi / 6,) * 3,
                scale_range=(0.3,) * 3,
                spatial_size=SIZE,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            mt.CenterSpatialCropd(both, SIZE),
            mt.RandGaussianNoised("image", prob=0.1, std=0.1),
            mt.RandGaussianSmoothd("image", (0.5, 1.0), (0.5, 1.0), (0.5, 1.0), prob=0.2),
            mt.RandScaleIntensityd("image", 0.25, prob=0.15),
            mt.RandAdjustContrastd("image", prob=0.15, gamma=(0.75, 1.25)),
            mt.RandSimulateLowResolutiond("image", prob=0.25, zoom_range=(0.5, 1.0)),
            mt.RandAdjustContrastd("image", prob=0.1, gamma=(0.7, 1.5), invert_image=True),
            mt.RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
            mt.RandFlipd(both, prob=0.5, spatial_axis=0),
            mt.RandFlipd(both, prob=0.5, spatial_axis=1),
            mt.RandFlipd(both, prob=0.5, spatial_axis=2),
        ]
    )
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=part["image"]), label=torchio.LabelMap(tensor=part["label"])
    )
    tio = torchio.Compose(
        [
            torchio.RandomAffine(scales=(0.7, 1.4), degrees=30, p=0.36),
            torchio.CropOrPad(SIZE),
            torchio.RandomNoise(std=0.1, p=0.1),
            torchio.RandomBlur((0.5, 1.0), p=0.2),
            torchio.RandomAnisotropy(p=0.25),
            torchio.RandomGamma(p=0.4),
            torchio.RandomFlip((0, 1, 2)),
        ]
    )
    same = (
        Rotate(degrees=30, p=0.2),
        Scale(factor=(0.7, 1.4), p=0.2),
        Flip(axes=(-1, -2, -3), laterality="free"),
        Noise(sd=0.1, p=0.1),
        Blur(sigma=(0.5, 1.0), p=0.2),
        Brightness(p=0.15),
        Contrast(factor=(0.75, 1.25), p=0.15),
        LowResolution(zoom=(0.5, 1.0), p=0.25),
        Gamma(gamma=(0.7, 1.5), invert=True, p=0.1),
        Gamma(gamma=(0.7, 1.5), p=0.3),
    )
    return {
        "radcnn": ours(case, *same),
        "MONAI": lambda: monai(given),
        "nnU-Net": lambda: nnunet(image=part["image"], segmentation=part["label"].to(torch.int16)),
        "TorchIO": lambda: tio(subject),
    }


def often(jobs: dict[str, Job]) -> dict[str, Job]:
    """Each job 20 times, as in training, where the code of a job of a millisecond stays in the processor's cache."""
    return {name: (lambda job=job: [job() for _ in range(20)]) for name, job in jobs.items()}


def main() -> None:
    """All five rows."""
    warnings.simplefilter("ignore")  # the peers' own
    keep_memory()  # as radcnn does before it trains; it helps the peers of this process, too
    image, mask = case_arrays()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = CaseStore(Path(folder) / "store")
        store.add("case", image, mask=mask)
        case = store["case"]
        (Path(folder) / "nnunet").mkdir()
        jobs = crops(case, image, mask, Path(folder) / "nnunet")
        timed = measure(often({**jobs, PLAIN: plain_copies(case)}), 9)
        share = timed.pop(PLAIN).median / timed["radcnn store"].median
        rows.append(
            report(
                "random 96^3 crop of image and mask, 20 of them",
                timed,
                ours="radcnn store",
                reach=10,
                asked="10x the best peer",
                note=f"numpy's plain copies of such parts of both arrays take {share:.0%} of our time",
            )
        )
        timed = measure(moved(case, image, mask), 11)
        rows.append(
            report(
                "affine + flip + zoom + noise to 96^3",
                timed,
                ours="radcnn",
                reach=4,
                asked="4x the best-written peer, 25x the common one",
            )
        )
        rows.append(
            report("elastic + affine, 96^3", measure(bent(case, image, mask), 7), ours="radcnn", reach=4, asked="4x")
        )
        rows.append(report("elastic + affine, 512^2", measure(bent_2d(), 15), ours="radcnn", reach=4, asked="4x"))
        # what acts differs from patch to patch: means would need hundreds, so each run is 20 patches
        many = often(default_pipelines(case, image, mask))
        rows.append(
            report(
                "default training pipeline, 20 patches",
                measure(many, 5),
                ours="radcnn",
                reach=1,
                asked="faster than MONAI",
            )
        )
    write_rows(rows)


if __name__ == "__main__":
    main()
