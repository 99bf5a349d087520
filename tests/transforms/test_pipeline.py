"""A pipeline replays bit for bit, can be saved as plain tensors, and treats every sample by its own row."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import load, save

from radcnn.core.chance import torch_generator
from radcnn.core.errors import SettingsError
from radcnn.transforms.augmentation import Augmentation
from radcnn.transforms.catalogue import TRANSFORMS
from radcnn.transforms.elastic import Elastic
from radcnn.transforms.pipeline import Pipeline
from radcnn.transforms.spatial import Crop, Flip, Rotate, Scale, Translate
from radcnn.transforms.tones import Brightness

EVERYTHING = Augmentation(tuple(k(laterality="free") if k is Flip else k() for k in TRANSFORMS.values()))


def generator(*path):
    return torch_generator(1, "pipeline", *path)


@pytest.mark.parametrize("shape", [(6, 2, 17, 19), (4, 1, 8, 9, 10)])
def test_the_same_draw_gives_the_same_bits_also_after_saving(shape):
    batch = torch.rand(shape, generator=generator())
    pipeline = Pipeline(EVERYTHING)
    drawn = pipeline.sample(generator("draw"), shape)
    first = pipeline.apply(batch, drawn)
    saved = load(save({key: tensor.contiguous() for key, tensor in drawn.items()}))
    assert torch.equal(first, pipeline.apply(batch, drawn))
    assert torch.equal(first, pipeline.apply(batch, saved))
    assert torch.equal(first, pipeline.apply(batch, pipeline.sample(generator("draw"), shape)))
    assert not torch.equal(first, pipeline.apply(batch, pipeline.sample(generator("other"), shape)))


@pytest.mark.parametrize("shape", [(7, 2, 17, 19), (5, 1, 8, 9, 10)])
def test_a_row_of_a_draw_gives_its_sample_what_it_gives_in_the_batch(shape):
    batch = torch.rand(shape, generator=generator())
    pipeline = Pipeline(EVERYTHING)
    drawn = pipeline.sample(generator("rows"), shape)
    together = pipeline.apply(batch, drawn)
    for i in range(shape[0]):
        row = {key: tensor[i : i + 1] for key, tensor in drawn.items()}
        assert torch.allclose(pipeline.apply(batch[i : i + 1], row)[0], together[i], atol=1e-6)


def test_a_draw_does_not_depend_on_the_voxels_and_batches_are_not_changed_in_place():
    batch = torch.rand(4, 1, 12, 12, generator=generator())
    kept = batch.clone()
    pipeline = Pipeline(EVERYTHING)
    pipeline.apply(batch, pipeline.sample(generator("x"), batch.shape))
    assert torch.equal(batch, kept)


def never(transform):
    """The same transform, drawn for nobody."""
    return dataclasses.replace(transform, p=0.0)


@pytest.mark.parametrize("shape", [(3, 1, 12, 13), (3, 1, 6, 7, 8)])
def test_identity_draws_leave_the_batch_bit_identical(shape):
    batch = torch.randn(shape, generator=generator())
    mask = (batch[:, 0] > 0).to(torch.uint8)
    pipeline = Pipeline(Augmentation(tuple(never(t) for t in EVERYTHING.transforms)))
    made = pipeline.apply_together(batch, pipeline.sample(generator("id"), shape), mask=mask)
    assert torch.equal(made.image, batch)
    assert torch.equal(made.mask, mask)


def test_an_empty_augmentation_does_nothing():
    batch = torch.rand(2, 1, 4, 4)
    points = torch.rand(2, 3, 2)
    made = Pipeline(Augmentation()).apply_together(batch, {}, points=points)
    assert made.image is batch
    assert made.points is points
    assert made.mask is None


def test_flips_among_grey_value_changes_stay_exact():
    batch = torch.rand(8, 1, 9, 9, generator=generator())
    pipeline = Pipeline(Augmentation((Brightness(shift=0.0), Flip(laterality="free", p=1.0))))
    assert torch.equal(pipeline.apply(batch, pipeline.sample(generator("f"), batch.shape)), batch.flip(-1))


def test_masks_keep_their_type_and_labels_with_and_without_channels():
    pipeline = Pipeline(Augmentation((Rotate(degrees=30), Elastic(), Crop())))
    batch = torch.rand(4, 1, 20, 20, generator=generator())
    labels = torch.randint(0, 5, (4, 20, 20), generator=generator("l")).to(torch.uint8)
    drawn = pipeline.sample(generator("m"), batch.shape)
    plain = pipeline.apply_together(batch, drawn, mask=labels).mask
    channelled = pipeline.apply_together(batch, drawn, mask=labels[:, None]).mask
    assert plain.dtype == torch.uint8
    assert plain.shape == (4, 20, 20)
    assert torch.equal(plain, channelled[:, 0])
    assert set(plain.unique().tolist()) <= set(range(5))


def test_mask_points_and_boxes_follow_the_whole_chain():
    chain = (Flip(axes=(-1, -2), laterality="free"), Translate(), Rotate(), Scale(), Elastic(sd=0.01))
    pipeline = Pipeline(Augmentation(chain))
    size = (48, 48)
    rows, columns = torch.meshgrid(*[torch.arange(float(n)) for n in size], indexing="ij")
    square = ((rows - 20).abs() <= 4) & ((columns - 27).abs() <= 4)
    batch = torch.exp(-((rows - 20) ** 2 + (columns - 27) ** 2) / 12).expand(16, 1, *size)
    drawn = pipeline.sample(generator("chain"), batch.shape)
    points = torch.tensor([20.0, 27.0]).expand(16, 1, 2)
    boxes = torch.tensor([15.5, 22.5, 24.5, 31.5]).expand(16, 1, 4)
    moved = pipeline.apply_together(batch, drawn, mask=square.expand(16, *size), points=points, boxes=boxes)
    for i in range(16):
        image = moved.image[i, 0] ** 2
        centre = torch.stack([(image * rows).sum(), (image * columns).sum()]) / image.sum()
        assert torch.allclose(centre, moved.points[i, 0], atol=0.15)
        inside = torch.nonzero(moved.mask[i])
        assert (inside.amin(0) >= moved.boxes[i, 0, :2] - 1).all()
        assert (inside.amax(0) <= moved.boxes[i, 0, 2:] + 1).all()


def test_half_precision_and_double_batches_keep_their_type():
    pipeline = Pipeline(EVERYTHING)
    for dtype in (torch.bfloat16, torch.float64):
        batch = torch.rand(3, 1, 10, 10, generator=generator()).to(dtype)
        assert pipeline.apply(batch, pipeline.sample(generator("t"), batch.shape)).dtype == dtype


def test_a_draw_of_another_augmentation_is_refused():
    drawn = Pipeline(Augmentation((Rotate(),))).sample(generator(), (2, 1, 4, 4))
    with pytest.raises(SettingsError, match="belongs to another augmentation"):
        Pipeline(Augmentation((Scale(),))).apply(torch.rand(2, 1, 4, 4), drawn)


def test_shapes_and_spacings_that_do_not_fit_are_refused():
    with pytest.raises(SettingsError, match="a batch must be"):
        Pipeline(Augmentation()).sample(generator(), (4, 4))
    with pytest.raises(SettingsError, match="3 numbers, the batch 2 axes"):
        Pipeline(Augmentation(spacing_mm=(5.0, 1.0, 1.0))).sample(generator(), (1, 1, 4, 4))


def test_only_catalogued_transforms_make_an_augmentation():
    with pytest.raises(SettingsError, match="int is not in the catalogue"):
        Augmentation((3,))
    with pytest.raises(SettingsError, match="must be border or zeros"):
        Augmentation((), "reflect")
