"""From what the simulation draws: the cameras' noise and processing, and how often each kind of noise comes."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from engine.contracts.configs import JobConfig

Share = Annotated[float, Field(ge=0, le=1)]


class CameraRanges(JobConfig):
    """What is drawn for each simulated photo; the noise is that of raw values from 0 to 1.

    Published profiles of cameras with large sensors have a shot noise a of 4e-5 at ISO 100 and of 1.2e-3 at ISO 6400,
    phones about ten times as much (1e-4 to 0.012: Brooks et al., CVPR 2019).

    Attributes:
        lowest_shot: Least a of the noise variance a I + b; drawn log-uniformly.
        highest_shot: Largest a of most photos.
        tail_share: Share of photos with more than that.
        highest_tail_shot: Largest a of these; log-uniform too.
        lowest_read: Least b.
        highest_read: Largest b.
        read_spread: How loosely b follows a: standard deviation of its natural logarithm.
        dark_share: Share of photos that are exposed less.
        darkest_stops: By how many stops, at most.
        chroma_blur_share: Share of cameras that smooth colours.
        highest_chroma_blur_px: Largest standard deviation of that.
        luma_smoothing_share: Share of cameras that smooth brightness.
        highest_luma_smoothing: Largest strength of that.
        sharpening_share: Share of cameras that sharpen.
        highest_sharpening: Largest amount of the unsharp mask.
        jpeg_share: Share of photos compressed as JPEG.
        lowest_jpeg_quality: Qualities from it to 99 are drawn.
        fine_share: Share of the others that have 16 bits.
    """

    lowest_shot: Annotated[float, Field(gt=0)] = 2e-5
    highest_shot: Annotated[float, Field(gt=0)] = 2e-3
    tail_share: Share = 0.12
    highest_tail_shot: Annotated[float, Field(gt=0)] = 0.03
    lowest_read: Annotated[float, Field(ge=0)] = 1e-9
    highest_read: Annotated[float, Field(ge=0)] = 2e-3
    read_spread: Annotated[float, Field(ge=0)] = 0.8
    dark_share: Share = 0.4
    darkest_stops: Annotated[float, Field(ge=0, le=12)] = 2.0
    chroma_blur_share: Share = 0.4
    highest_chroma_blur_px: Annotated[float, Field(ge=0.6)] = 2.5
    luma_smoothing_share: Share = 0.2
    highest_luma_smoothing: Annotated[float, Field(ge=0.5)] = 2.0
    sharpening_share: Share = 0.4
    highest_sharpening: Annotated[float, Field(ge=0.2)] = 1.2
    jpeg_share: Share = 0.75
    lowest_jpeg_quality: Annotated[int, Field(ge=1, le=99)] = 75
    fine_share: Share = 0.4


PHONE = CameraRanges(
    lowest_shot=1e-4,
    highest_shot=0.008,
    tail_share=0.1,
    chroma_blur_share=0.8,
    highest_chroma_blur_px=4.0,
    luma_smoothing_share=0.7,
    highest_luma_smoothing=4.0,
    sharpening_share=0.8,
    highest_sharpening=2.0,
    jpeg_share=0.95,
    lowest_jpeg_quality=65,
    fine_share=0.0,
)
"""Small pixels, and software that smooths what it can and sharpens what is left."""

NIGHT = CameraRanges(tail_share=0.02, dark_share=1.0, darkest_stops=7.0, jpeg_share=0.5, fine_share=0.8)
"""Photos that are nearly black."""


class PairParams(JobConfig):
    """The mixture of simulated pairs.

    Attributes:
        shares: How often each kind is drawn, in relation to each other, by its name in
            `engine.simulation.kinds.KINDS`; kinds that are not named never are. Empty: the shares that stand there.
        highest_sigma: The standard deviation of plain noise is drawn from 0 to this, of 255.
        rounded_share: Share of crops with plain noise that are clipped and rounded to 8 bits.
        gray_share: Share of photos that are gray.
        enlarged_share: Share of cameras whose pixels are finer than the picture's detail: a part of the crop is
            enlarged before the photo is taken, so that the grain is of another size beside the detail.
        largest_zoom: How much it is enlarged, at most.
        camera: Cameras.
        phone: Phones.
        night: Cameras at night.
    """

    shares: Mapping[str, Share] = {}
    highest_sigma: Annotated[float, Field(ge=0, le=255)] = 55.0
    rounded_share: Share = 0.8
    gray_share: Share = 0.08
    enlarged_share: Share = 0.7
    largest_zoom: Annotated[float, Field(ge=1, le=8)] = 3.0
    camera: CameraRanges = CameraRanges()
    phone: CameraRanges = PHONE
    night: CameraRanges = NIGHT
