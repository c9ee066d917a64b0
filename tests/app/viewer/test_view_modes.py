from dataclasses import replace

import numpy as np
import pytest

from app.look.image_convert import ChannelTint, DisplayLevels, image_view
from app.viewer.histograms import histogram_of
from app.viewer.pictures import MissingPicture, Picture, PictureRole, ViewSettings
from app.viewer.pyramid_store import PyramidStore
from app.viewer.tiles.false_colours import ColourScale, colours_of
from app.viewer.view_modes import VIEW_MODES


def picture(title, value, role=PictureRole.OTHER, size=(4, 6), num_channels=3):
    return Picture(title=title, pixels=np.full((*size, num_channels), value, np.float32), role=role)


def arranged(mode, panes, settings=None):
    """Arrange as the background thread does."""
    store = PyramidStore()
    store.begin(settings or ViewSettings())
    return mode.arrange(panes, settings or ViewSettings(), store)


def shown_values(layer):
    """The first pixel as it is shown, red, green and blue."""
    return layer.pyramid.whole_image().pixelColor(0, 0).getRgb()[:3]


def shown_value(layer):
    return int(image_view(layer.pyramid.whole_image())[0, 0, 0])


def pixel(*values):
    return np.array([[values]], np.float32)


NOISY = picture("Noisy", 0.6, PictureRole.INPUT)
RESTORED = picture("Restored", 0.5, PictureRole.RESTORED)
REFERENCE = picture("Reference", 0.4, PictureRole.REFERENCE)
MISSING = MissingPicture(title="Restored", reason="Not restored yet.")


BASE = Picture(title="Base", pixels=pixel(0.2, 0.5, 0.9), role=PictureRole.INPUT)
OTHER = Picture(title="Other", pixels=pixel(0.3, 0.5, 0.4))


@pytest.mark.parametrize(
    ("mode", "gain", "is_signed", "expected"),
    [
        ("difference", 1.0, False, (26, 0, 128)),
        ("difference", 4.0, False, (102, 0, 255)),
        ("difference", 2.0, True, (76, 128, 255)),
        ("residual", 2.0, False, (76, 128, 255)),
    ],
)
def test_subtraction_by_values(mode, gain, is_signed, expected):
    (panel,) = arranged(VIEW_MODES[mode], [BASE, OTHER], ViewSettings(gain=gain, is_signed=is_signed))
    assert shown_values(panel.layers[0]) == pytest.approx(expected, abs=1)
    np.testing.assert_array_equal(BASE.pixels, pixel(0.2, 0.5, 0.9))


def test_gray_and_colour_can_be_subtracted():
    gray = Picture(title="Gray", pixels=pixel(0.5))
    (panel,) = arranged(VIEW_MODES["difference"], [BASE, gray], ViewSettings(gain=1.0))
    assert shown_values(panel.layers[0]) == pytest.approx((76, 0, 102), abs=1)


def test_false_colours_have_a_legend_in_levels():
    deep = Picture(title="Deep", pixels=pixel(0.3), bit_depth=16)
    settings = ViewSettings(gain=4.0, has_false_colours=True)
    (plain,) = arranged(VIEW_MODES["side_by_side"], [deep], settings)
    assert plain.legend.scale is ColourScale.MAGNITUDE
    assert plain.legend.labels == ("0", "32,768", "65,535")
    (difference,) = arranged(VIEW_MODES["difference"], [BASE, OTHER], settings)
    assert difference.legend.labels == ("0", "32", "64")
    (residual,) = arranged(VIEW_MODES["residual"], [BASE, OTHER], settings)
    assert residual.legend.scale is ColourScale.SIGNED
    assert residual.legend.labels == ("−32", "0", "+32")
    assert arranged(VIEW_MODES["residual"], [BASE, OTHER])[0].legend is None


def test_three_channels_of_a_microscope_are_no_red_green_and_blue():
    """Each counts alike: in blue light as much is seen as in green."""
    tints = tuple(ChannelTint(name, (0.0, 0.0, 1.0), DisplayLevels()) for name in ("DAPI", "GFP", "Cy5"))
    base = replace(BASE, channels=tints)
    other = replace(OTHER, channels=tints)
    mean = round(float(BASE.pixels.mean()) * 255)
    assert histogram_of(base).shares[mean] == 1.0
    coloured = ViewSettings(gain=1.0, has_false_colours=True)
    (plain, _) = arranged(VIEW_MODES["side_by_side"], [base, other], coloured)
    assert shown_values(plain.layers[0]) == tuple(colours_of(ColourScale.MAGNITUDE)[mean])
    apart = round(float(np.abs(BASE.pixels - OTHER.pixels).mean()) * 255)
    (difference,) = arranged(VIEW_MODES["difference"], [base, other], ViewSettings(gain=1.0))
    assert shown_values(difference.layers[0]) == pytest.approx((apart,) * 3, abs=1)
    (difference,) = arranged(VIEW_MODES["difference"], [base, other], coloured)
    assert shown_values(difference.layers[0]) == tuple(colours_of(ColourScale.MAGNITUDE)[apart])


def test_halvings_are_made_once_for_every_gain():
    store = PyramidStore()
    shown = []
    for gain in (2.0, 4.0, 4.0):
        settings = ViewSettings(gain=gain)
        store.begin(settings)
        (panel,) = VIEW_MODES["difference"].arrange([BASE, OTHER], settings, store)
        store.end()
        shown.append(panel.layers[0].pyramid)
    assert shown[0].pixels is shown[1].pixels
    assert shown[0] is not shown[1]
    assert shown[1] is shown[2]


@pytest.mark.parametrize("mode", VIEW_MODES.values(), ids=VIEW_MODES.keys())
@pytest.mark.parametrize(
    "panes",
    [
        [NOISY],
        [NOISY, RESTORED],
        [NOISY, RESTORED, REFERENCE],
        [MISSING],
        [NOISY, MISSING],
        [MISSING, NOISY, MISSING],
        [NOISY, picture("Enlarged", 0.5, size=(8, 12))],
        [NOISY, picture("Other", 0.5, size=(9, 4))],
        [picture("Gray", 0.3, num_channels=1), NOISY],
    ],
    ids=lambda panes: "+".join(pane.title for pane in panes),
)
@pytest.mark.parametrize("picked", [None, 0, 1, 5])
def test_every_mode_shows_or_says_something(mode, panes, picked):
    panels = arranged(mode, panes, ViewSettings(picked=picked))
    assert panels
    for panel in panels:
        assert panel.layers or panel.message


def test_modes_have_distinct_keys_and_words():
    modes = list(VIEW_MODES.values())
    assert len({mode.key for mode in modes}) == len(modes)
    assert all(mode.title and mode.description.endswith(".") and mode.icon for mode in modes)


def test_side_by_side_shows_each_pane_and_a_picked_one_alone():
    mode = VIEW_MODES["side_by_side"]
    panels = arranged(mode, [NOISY, RESTORED, REFERENCE])
    assert [panel.title for panel in panels] == ["Noisy", "Restored", "Reference"]
    (alone,) = arranged(mode, [NOISY, RESTORED, REFERENCE], ViewSettings(picked=1))
    assert alone.title == "Restored"


def test_side_by_side_names_different_sizes():
    panels = arranged(VIEW_MODES["side_by_side"], [NOISY, picture("Enlarged", 0.5, size=(8, 12))])
    assert ["6 × 4" in panels[0].detail, "12 × 8" in panels[1].detail] == [True, True]


def test_split_takes_the_picked_pane():
    mode = VIEW_MODES["split"]
    (first,) = arranged(mode, [NOISY, RESTORED, REFERENCE])
    assert first.is_split
    assert first.pane_indices == (0, 1)
    (picked,) = arranged(mode, [NOISY, RESTORED, REFERENCE], ViewSettings(picked=2))
    assert [layer.label for layer in picked.layers] == ["Noisy", "Reference"]


def test_split_with_a_missing_side_says_why():
    (panel,) = arranged(VIEW_MODES["split"], [NOISY, MISSING])
    assert "Not restored yet." in panel.message
    assert not panel.is_split
    assert len(panel.layers) == 1


def test_difference_is_taken_from_the_reference():
    panels = arranged(VIEW_MODES["difference"], [NOISY, RESTORED, REFERENCE], ViewSettings(gain=2.0))
    assert [panel.title for panel in panels] == ["Reference − Noisy", "Reference − Restored"]
    assert [shown_value(panel.layers[0]) for panel in panels] == [round(0.4 * 255), round(0.2 * 255)]
    assert "× 2" in panels[0].detail


def test_residual_is_what_was_taken_from_the_noisy_photo():
    panels = arranged(VIEW_MODES["residual"], [RESTORED, NOISY], ViewSettings(gain=4.0))
    assert [panel.title for panel in panels] == ["Noisy − Restored"]
    assert shown_value(panels[0].layers[0]) == pytest.approx(0.9 * 255, abs=1)


def test_different_sizes_cannot_be_subtracted():
    (panel,) = arranged(VIEW_MODES["difference"], [NOISY, picture("Wider", 0.5, size=(8, 17))], ViewSettings())
    assert "6 × 4" in panel.message
    assert "17 × 8" in panel.message


@pytest.mark.parametrize("size", [(8, 12), (9, 13), (12, 18), (19, 26)])
@pytest.mark.parametrize("mode", ["difference", "residual"])
def test_an_enlarged_picture_is_subtracted_from_the_enlarged_photo(mode, size):
    factor = size[0] // NOISY.height
    (panel,) = arranged(
        VIEW_MODES[mode],
        [NOISY, picture("Enlarged", 0.5, size=size, role=PictureRole.RESTORED)],
        ViewSettings(gain=1.0),
    )
    assert panel.layers[0].pyramid.size.toTuple() == (factor * NOISY.width, factor * NOISY.height)
    expected = abs(float(NOISY.pixels[0, 0, 0]) - 0.5)
    signed = 0.5 + float(NOISY.pixels[0, 0, 0]) - 0.5
    assert shown_value(panel.layers[0]) == pytest.approx(255 * (expected if mode == "difference" else signed), abs=1)
    assert "the smaller one enlarged" in panel.detail
