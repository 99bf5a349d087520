"""Sizes and receptive fields: which input voxels one unit of a map can see, along one axis.

Unit i of a map sees the input from low + i jump to high + i jump. A window of kernel k, stride s, padding p, dilation d
then gives (Araujo et al., Computing Receptive Fields of CNNs, Distill 2019)

    low' = low - p jump        high' = high + ((k - 1) d - p) jump        jump' = s jump

and a transposed convolution the same with jump / s in place of jump. Where paths meet, the field spans all of them.

The rule for transposed convolutions is an upper bound: it does not follow which of the s phases a unit falls in. It is
the rule behind Table 1 of V-Net (Milletari et al. 2016, arXiv:1606.04797): 551 voxels at the output, where single
output voxels see 532 to 548 depending on their phase.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from radcnn.core.errors import SettingsError


@dataclass(frozen=True)
class Window:
    """What a convolution or a pooling slides along one axis."""

    kernel: int
    stride: float = 1
    padding: float = 0
    dilation: int = 1
    transposed: bool = False


@dataclass(frozen=True)
class Field:
    """The receptive field of a map along one axis, in input voxels; the image itself is Field()."""

    low: float = 0
    high: float = 0
    jump: float = 1

    @property
    def size(self) -> int:
        """Input voxels one unit can see, outside the image included."""
        return round(self.high - self.low) + 1

    def through(self, window: Window) -> Field:
        """The field after one more layer.

        >>> Field().through(Window(kernel=7, stride=2, padding=3)).through(Window(kernel=3, stride=2, padding=1))
        Field(low=-5, high=5, jump=4)
        """
        step = self.jump / window.stride if window.transposed else self.jump
        reach = (window.kernel - 1) * window.dilation
        if window.transposed:
            return Field(self.low - (reach - window.padding) * step, self.high + window.padding * step, step)
        low, high = self.low - window.padding * step, self.high + (reach - window.padding) * step
        return Field(low, high, step * window.stride)

    def joined(self, other: Field) -> Field:
        """The field where two paths meet: everything either of them sees."""
        return Field(min(self.low, other.low), max(self.high, other.high), max(self.jump, other.jump))

    @classmethod
    def whole(cls, length: int) -> Field:
        """The field of a unit that sees the whole image."""
        return cls(0, length - 1, length)


def after(windows: Iterable[Window], start: Field | None = None) -> Field:
    """The field after a chain of layers.

    >>> after([Window(5), Window(2, stride=2), Window(5), Window(5)]).size
    22
    """
    field = start or Field()
    for window in windows:
        field = field.through(window)
    return field


def output_size(length: int, window: Window) -> int:
    """floor((n + 2p - d(k - 1) - 1) / s) + 1, or (n - 1) s - 2p + d(k - 1) + 1 when transposed.

    Raises SettingsError when nothing is left.

    >>> output_size(28, Window(kernel=3)), output_size(26, Window(kernel=2, stride=2))
    (26, 13)
    """
    reach = (window.kernel - 1) * window.dilation + 1
    if window.transposed:
        size = int((length - 1) * window.stride - 2 * window.padding + reach)
    else:
        size = int((length + 2 * window.padding - reach) // window.stride) + 1
    if size < 1:
        raise SettingsError(f"a window of {reach} does not fit {length} voxels with padding {window.padding}")
    return size
