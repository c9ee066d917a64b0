"""From what the simulation draws: the cameras' noise and processing, and the mixture with plain noise."""

from typing import Annotated

from pydantic import Field

from engine.configs import JobConfig

Share = Annotated[float, Field(ge=0, le=1)]


class CameraRanges(JobConfig):
    """What is drawn for each simulated photo; the noise is that of raw values from 0 to 1.

    Shot noise of 1e-4 is what a camera shows at ISO 100, 0.012 at ISO 6400 and above (Brooks et al., CVPR 2019).

    Attributes:
        lowest_shot: Least a of the noise variance a I + b; drawn log-uniformly.
        highest_shot: Largest a.
        lowest_read: Least b.
        highest_read: Largest b.
        read_spread: How loosely b follows a: standard deviation of its natural logarithm.
        dark_share: Share of photos that are exposed up to two stops less.
        chroma_blur_share: Share of cameras that smooth colours.
        luma_smoothing_share: Share of cameras that smooth brightness.
        sharpening_share: Share of cameras that sharpen.
        jpeg_share: Share of photos compressed as JPEG.
        lowest_jpeg_quality: Qualities from it to 99 are drawn.
    """

    lowest_shot: Annotated[float, Field(gt=0)] = 3e-5
    highest_shot: Annotated[float, Field(gt=0)] = 0.03
    lowest_read: Annotated[float, Field(ge=0)] = 1e-9
    highest_read: Annotated[float, Field(ge=0)] = 2e-3
    read_spread: Annotated[float, Field(ge=0)] = 0.8
    dark_share: Share = 0.4
    chroma_blur_share: Share = 0.4
    luma_smoothing_share: Share = 0.2
    sharpening_share: Share = 0.4
    jpeg_share: Share = 0.75
    lowest_jpeg_quality: Annotated[int, Field(ge=1, le=99)] = 75


class PairParams(JobConfig):
    """The mixture of simulated pairs.

    Attributes:
        plain_share: Share of crops with plain Gaussian noise instead of a camera's.
        highest_sigma: Its standard deviation is drawn from 0 to this, of 255.
        clean_share: Share of crops without any noise: what is clean must stay as it is.
        gray_share: Share of gray crops, whose channels and noise are equal.
        rounded_share: Share of crops with plain noise that are clipped and rounded to 8 bits.
        enlarged_share: Share of cameras whose pixels are finer than the picture's detail: a part of the crop is
            enlarged before the photo is taken, so that the grain is of another size beside the detail.
        largest_zoom: How much it is enlarged, at most.
        camera: The cameras.
    """

    plain_share: Share = 0.45
    highest_sigma: Annotated[float, Field(ge=0, le=255)] = 55.0
    clean_share: Share = 0.03
    gray_share: Share = 0.08
    rounded_share: Share = 0.7
    enlarged_share: Share = 0.7
    largest_zoom: Annotated[float, Field(ge=1, le=8)] = 3.0
    camera: CameraRanges = CameraRanges()
