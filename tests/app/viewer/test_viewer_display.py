"""From float values to what is seen: bit depths, profiles, exposure, gamma, false colours."""

from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColorSpace

from app.look.image_convert import DisplayLevels
from app.viewer.canvas.legend import legend_of
from app.viewer.picture_files import PictureFiles
from app.viewer.pictures import CommonLevels, Picture, PictureRole
from app.viewer.pyramid_store import PyramidStore, ViewSettings
from app.viewer.tiles.colour_profiles import conversion_to_srgb
from app.viewer.tiles.display_settings import DisplaySettings, ValueKind
from app.viewer.tiles.false_colours import NUM_COLOURS, ColourScale, colours_of, luma
from engine.contracts.photo import PhotoRef
from engine.photo_files.photo_image import ImageMetadata
from engine.photo_files.photos import PhotoImage, write_image

WIDE_SPACES = [
    QColorSpace.NamedColorSpace.DisplayP3,
    QColorSpace.NamedColorSpace.AdobeRgb,
    QColorSpace.NamedColorSpace.ProPhotoRgb,
]


def profile_of(space):
    return QColorSpace(space).iccProfile().data()


LINEAR = QColorSpace(QColorSpace.Primaries.SRgb, QColorSpace.TransferFunction.Linear).iccProfile().data()
GAMMA_GRAY = QColorSpace(QPointF(0.3127, 0.3290), QColorSpace.TransferFunction.Gamma, 2.2).iccProfile().data()


def pixel(*values):
    return np.array([[values]], np.float32)


def shown(settings, *values):
    return settings.render(pixel(*values)).pixelColor(0, 0).getRgb()[:3]


def by_little_cms(profile, values):
    """What another colour management, LittleCMS, makes of 8-bit values."""
    converted = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), tuple(values)),
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return converted.getpixel((0, 0))


@pytest.mark.parametrize("space", WIDE_SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("values", [(128, 100, 90), (200, 180, 60), (255, 255, 255), (0, 0, 0), (30, 200, 40)])
def test_wide_colours_are_shown_as_little_cms_shows_them(qtbot, space, values):
    profile = profile_of(space)
    settings = DisplaySettings(icc_profile=profile)
    assert shown(settings, *(value / 255 for value in values)) == pytest.approx(by_little_cms(profile, values), abs=2)


def test_a_gray_profile_is_applied(qtbot):
    gray = QColorSpace(QPointF(0.3127, 0.3290), QColorSpace.TransferFunction.Linear)
    profile = gray.iccProfile().data()
    assert profile[16:20] == b"GRAY"
    # Half of the light is 188 of 255 in sRGB (IEC 61966-2-1).
    assert shown(DisplaySettings(icc_profile=profile), 0.5) == pytest.approx((188, 188, 188), abs=1)


def test_levels_are_in_the_numbers_of_the_file_whatever_its_profile(qtbot):
    """What is measured on the file's values says which are black and white; the profile says what lies between."""
    stretched = DisplaySettings(levels=DisplayLevels(0.0, 0.2), icc_profile=LINEAR)
    # A quarter and all of the light (IEC 61966-2-1).
    assert shown(stretched, 0.05, 0.2, 0.0) == pytest.approx((137, 255, 0), abs=1)
    twelve_bits = DisplaySettings(levels=DisplayLevels(0.0, 4095 / 65535), icc_profile=GAMMA_GRAY)
    assert shown(twelve_bits, 4095 / 65535) == (255, 255, 255)
    counts = DisplaySettings(levels=DisplayLevels(88.0, 390.0), icc_profile=GAMMA_GRAY)
    assert [shown(counts, value)[0] for value in (88.0, 239.0, 390.0)] == pytest.approx([0, 128, 255], abs=2)


def test_srgb_broken_and_foreign_profiles_change_nothing(qtbot):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    wide = profile_of(QColorSpace.NamedColorSpace.DisplayP3)
    assert conversion_to_srgb(srgb, 3) is None
    assert conversion_to_srgb(None, 3) is None
    assert conversion_to_srgb(wide, 1) is None
    assert conversion_to_srgb(wide[:200], 3) is None
    assert conversion_to_srgb(b"", 3) is None


def test_the_profile_of_a_file_reaches_the_screen(qtbot, tmp_path):
    profile = profile_of(QColorSpace.NamedColorSpace.AdobeRgb)
    stored = (60, 160, 70)
    pixels = np.broadcast_to(np.float32(stored) / 255, (4, 5, 3)).copy()
    metadata = ImageMetadata(file_format="png", bit_depth=8, icc_profile=profile)
    write_image(tmp_path / "wide.png", PhotoImage(pixels, None, metadata))
    picture = PictureFiles().picture(PhotoRef(tmp_path / "wide.png"), title="Wide", detail="", role=PictureRole.OTHER)
    assert isinstance(picture, Picture)
    store = PyramidStore()
    store.begin(ViewSettings())
    seen = store.plain(picture).whole_image().pixelColor(2, 2).getRgb()[:3]
    assert seen == pytest.approx(by_little_cms(profile, stored), abs=2)
    assert seen != stored


@pytest.mark.parametrize(("stops", "light"), [(1.0, 2.0), (-2.0, 0.25), (0.5, 2**0.5)])
def test_exposure_multiplies_light(stops, light):
    # 0.2 linear is 0.484529 in sRGB.
    encoded = 1.055 * (0.2 * light) ** (1 / 2.4) - 0.055
    assert shown(DisplaySettings(exposure_stops=stops), 0.484529) == pytest.approx((round(encoded * 255),) * 3, abs=1)


def test_gamma_lifts_the_shadows_and_leaves_black_and_white():
    settings = DisplaySettings(gamma=2.0)
    assert shown(settings, 0.0, 0.25, 1.0) == pytest.approx((0, 128, 255), abs=1)


def test_shadows_of_sixteen_bits_come_out_one_by_one():
    # 64 neighbouring levels that are one and the same level in 8 bits.
    levels = (np.arange(64, 128, dtype=np.float32) / 65535).reshape(1, 64, 1)
    dark = DisplaySettings().render(levels)
    bright = DisplaySettings(exposure_stops=8.0).render(levels)
    assert len({dark.pixelColor(x, 0).red() for x in range(64)}) == 1
    assert len({bright.pixelColor(x, 0).red() for x in range(64)}) >= 15


@pytest.mark.parametrize("field", [{"exposure_stops": 11.0}, {"gamma": 0.1}])
def test_what_is_out_of_range_is_refused(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        DisplaySettings(**field)


@pytest.mark.parametrize(
    "settings",
    [
        DisplaySettings(kind=ValueKind.MAGNITUDE, gain=8.0),
        DisplaySettings(kind=ValueKind.SIGNED, gain=2.0),
        DisplaySettings(exposure_stops=1.5, gamma=1.4),
        DisplaySettings(levels=DisplayLevels(0.1, 0.4), exposure_stops=-1.0),
        DisplaySettings(levels=DisplayLevels(88.0, 390.0), icc_profile=GAMMA_GRAY),
        DisplaySettings(levels=DisplayLevels(0.0, 0.2), icc_profile=LINEAR, exposure_stops=1.0),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_legend_inverts_what_is_shown(qtbot, settings, share):
    value = settings.value_at(share)
    num_channels = 3 if settings.icc_profile == LINEAR else 1
    seen = float(settings.shown(pixel(*[value] * num_channels))[0, 0, 0])
    # Colour management reckons in tables: a quarter of a step of a display.
    assert seen == pytest.approx(share, abs=1e-4 if settings.icc_profile is None else 1e-3)


def test_scales_are_uniform_in_lightness_and_differ_for_both_signs():
    magnitude = colours_of(ColourScale.MAGNITUDE).astype(float)
    lightness = magnitude @ [0.2126, 0.7152, 0.0722]
    assert magnitude.shape == (NUM_COLOURS, 3)
    assert np.all(np.diff(lightness) > -0.5)
    signed = colours_of(ColourScale.SIGNED).astype(float)
    assert signed[0, 2] > signed[0, 0] + 50
    assert signed[-1, 0] > signed[-1, 2] + 50
    middle = signed[NUM_COLOURS // 2]
    assert np.ptp(middle) < 20


def test_false_colours_follow_brightness():
    settings = DisplaySettings(has_false_colours=True)
    ends = colours_of(ColourScale.MAGNITUDE)
    assert shown(settings, 0.0, 0.0, 0.0) == tuple(ends[0])
    assert shown(settings, 1.0, 1.0, 1.0) == tuple(ends[-1])
    assert shown(settings, 0.4, 0.2, 0.9) == tuple(ends[round(float(luma(pixel(0.4, 0.2, 0.9))[0, 0, 0]) * 255)])


def test_the_legend_of_a_bright_view_says_which_levels_are_white():
    assert legend_of(DisplaySettings(exposure_stops=10.0, has_false_colours=True), 65535).labels[2] == "827"
    assert legend_of(DisplaySettings(kind=ValueKind.MAGNITUDE, gain=32.0), 255).labels == ("0.00", "3.98", "7.97")


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_a_picture_of_counts_is_seen_between_its_own_black_and_white(tmp_path, dtype):
    """Taken as a photograph it would be black; a photograph is shown as it is."""
    counts = np.linspace(88, 390, 64 * 64).reshape(64, 64)
    for name, values in (("counts.tif", counts), ("photo.tif", counts * 80)):
        tifffile.imwrite(tmp_path / name, values.astype("uint16" if name == "photo.tif" else dtype))
    files = PictureFiles()
    pictures = [
        files.picture(PhotoRef(tmp_path / name), title="", detail="", role=PictureRole.INPUT)
        for name in ("counts.tif", "photo.tif")
    ]
    levels = CommonLevels.of(pictures[0], is_stretched=False)
    seen = [
        DisplaySettings(levels=levels.shown(pictures[0])).render(pictures[0].pixels[row : row + 1, :1])
        for row in (0, 63)
    ]
    assert [image.pixelColor(0, 0).red() for image in seen] == [0, pytest.approx(252, abs=3)]
    assert CommonLevels.of(pictures[1], is_stretched=False).shown(pictures[1]).is_identity
    assert not CommonLevels.of(pictures[1], is_stretched=True).shown(pictures[1]).is_identity
