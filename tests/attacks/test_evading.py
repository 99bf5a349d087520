"""An attack that knows a detector: what it turns stays turned, and the detector sees less of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radcnn.attacks.answers import Aim, Answers
from radcnn.attacks.evading import evading
from radcnn.attacks.pgd import pgd
from radcnn.core.chance import torch_generator

YES = Answers("binary")


class LeftHalf(nn.Module):
    """Yes where the left half of an image is bright."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1)."""
        return 20 * (images[..., :4].flatten(1).mean(1, keepdim=True) - 0.5)


def test_who_knows_the_detector_turns_as_much_and_is_seen_less() -> None:
    x, one = 0.4 + 0.05 * torch.rand((8, 1, 8, 8), generator=torch_generator(0, "grey")), torch.ones(8)
    given = {"epsilon": 0.2 * one, "low": 0 * one, "high": one}

    def bright(images: Tensor) -> Tensor:
        return images.flatten(1).mean(1)

    found = pgd(LeftHalf(), x, Aim(YES, 0 * one), **given)
    knowing = evading(LeftHalf(), bright, x, Aim(YES, 0 * one), start=found, **given)
    assert (knowing - x).abs().max() <= 0.2 + 1e-6
    assert (LeftHalf()(found) >= 0).all()
    assert (LeftHalf()(knowing) >= 0).all()
    # the right half is darkened, to hide what the left half needs
    assert (bright(knowing) < bright(found) - 0.05).all()
    assert torch.equal(knowing, evading(LeftHalf(), bright, x, Aim(YES, 0 * one), start=found, **given))


def test_what_cannot_be_turned_comes_as_near_as_pgd_does() -> None:
    x, one = torch.full((3, 1, 8, 8), 0.3), torch.ones(3)
    given = {"epsilon": 0.05 * one, "low": 0 * one, "high": one}
    found = pgd(LeftHalf(), x, Aim(YES, 0 * one), **given)
    knowing = evading(LeftHalf(), lambda images: images.flatten(1).mean(1), x, Aim(YES, 0 * one), start=found, **given)
    assert torch.allclose(LeftHalf()(knowing), LeftHalf()(found), atol=1e-5)
