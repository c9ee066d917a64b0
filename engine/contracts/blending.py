"""How much of what restoring takes away stays away: of the brightness, of the colours, and of the finest detail."""

from dataclasses import dataclass, fields, replace
from typing import Final, Self

from engine.contracts.noise import LEVELS, NoiseEstimate


@dataclass(frozen=True, kw_only=True)
class Blend:
    """What is kept of a restoration; `engine.restoring.blending` applies it, without any new inference.

    Each is a share from 0 to 1.

    Attributes:
        luminance: How much of the noise in brightness goes. Of a gray picture, of all its noise.
        colour: How much of the noise in colours goes. A gray picture has none.
        detail: How much of the fine detail and fine grain that went with the luminance noise is given back.
    """

    luminance: float = 1.0
    colour: float = 1.0
    detail: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                raise ValueError(f"{field.name} must be from 0 to 1; found {share}")

    @classmethod
    def even(cls, strength: float) -> Self:
        """Return the mixture of the noisy and the restored picture in which all noise goes alike.

        Args:
            strength: 0 is the noisy picture, 1 the restored one.
        """
        return cls(luminance=strength, colour=strength)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return what a text of `as_text` stands for.

        Raises:
            ValueError: It stands for nothing.
        """
        shares = [float(share) for share in text.split()]
        if len(shares) != len(fields(cls)):
            raise ValueError(f"a blend has {len(fields(cls))} shares; found {text!r}")
        return cls(luminance=shares[0], colour=shares[1], detail=shares[2])

    @property
    def as_fields(self) -> dict[str, float]:
        """Its shares by their names."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self)}

    @property
    def as_text(self) -> str:
        """For files of settings: "0.8 1 0.2"."""
        return f"{self.luminance:g} {self.colour:g} {self.detail:g}"

    @property
    def percents(self) -> str:
        """For names of files: "80", or "80-100-20" where not all noise goes alike."""
        shares = (self.luminance,) if self.is_even else (self.luminance, self.colour, self.detail)
        return "-".join(f"{round(share * 100)}" for share in shares)

    @property
    def is_even(self) -> bool:
        """Whether brightness and colours are treated alike, and no detail is given back."""
        return self.luminance == self.colour and not self.detail

    @property
    def is_full(self) -> bool:
        """Whether the restoration stays as it is."""
        return self == FULL

    @property
    def is_none(self) -> bool:
        """Whether nothing of the restoration is left."""
        return not self.luminance and not self.colour

    def of_gray(self) -> Self:
        """Return what counts of it for a gray picture, written so that equal results have equal blends."""
        return replace(self, colour=self.luminance)


FULL: Final = Blend()
"""The restoration as the network gives it."""

_SUGGESTED: Final = ((2.0, Blend.even(0.3)), (6.0, Blend(luminance=0.7)))
"""By the measured noise, of 255 levels. Where there is hardly any, as much texture as noise would go. Measured on eight
photographs with the starter, PSNR of the full restoration and of the suggestion: without noise 49.5 and 60.0 dB, with
white noise of 1 of 255 46.6 and 48.5 dB, of 2 43.8 and 44.3 dB, of 4 40.4 and 40.5 dB; from 8 on all of it is best."""

_COMPRESSED_CORRELATION: Final = 0.5
"""Of neighbouring pixels. In photos that a camera has smoothed and compressed it is 0.57 to 0.8, and of their noise the
flattest blocks show half at most: the full restoration was best on 26 of 29 such photos, whose noise measured 1.6 to 9.
Elsewhere it is below, also where there is nothing but fine texture (0.1 to 0.47)."""


def suggested_blend(noise: NoiseEstimate) -> Blend:
    """Return the blend that suits a photo with such noise."""
    if noise.correlation and noise.correlation[0] >= _COMPRESSED_CORRELATION:
        return FULL
    return next((blend for below, blend in _SUGGESTED if noise.seen_sigma * LEVELS < below), FULL)
