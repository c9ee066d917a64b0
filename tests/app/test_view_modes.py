import numpy as np
import pytest

from app.image_convert import image_view
from app.viewer.image_pyramid import ImagePyramid
from app.viewer.view_modes import (
    VIEW_MODES,
    MissingPicture,
    Picture,
    PictureRole,
    ViewSettings,
    difference_pixels,
    residual_pixels,
)


def picture(title, value, role=PictureRole.OTHER, size=(4, 6), num_channels=3):
    return Picture(title=title, pixels=np.full((*size, num_channels), value, np.float32), role=role)


def pyramid_of(shown):
    return ImagePyramid.from_pixels(shown.pixels)


def shown_value(layer):
    return int(image_view(layer.pyramid.levels[0])[0, 0, 0])


NOISY = picture("Noisy", 0.6, PictureRole.INPUT)
RESTORED = picture("Restored", 0.5, PictureRole.RESTORED)
REFERENCE = picture("Reference", 0.4, PictureRole.REFERENCE)
MISSING = MissingPicture(title="Restored", reason="Not restored yet.")


def test_difference_by_values():
    base = np.array([[[0.2, 0.5, 0.9]]], np.float32)
    other = np.array([[[0.3, 0.5, 0.4]]], np.float32)
    np.testing.assert_allclose(difference_pixels(base, other, 1), [[[0.1, 0, 0.5]]], atol=1e-6)
    np.testing.assert_allclose(difference_pixels(base, other, 4), [[[0.4, 0, 1.0]]], atol=1e-6)
    np.testing.assert_array_equal(base, np.array([[[0.2, 0.5, 0.9]]], np.float32))


def test_residual_by_values():
    base = np.array([[[0.2, 0.5, 0.9]]], np.float32)
    other = np.array([[[0.3, 0.5, 0.4]]], np.float32)
    np.testing.assert_allclose(residual_pixels(base, other, 2), [[[0.3, 0.5, 1.0]]], atol=1e-6)


def test_gray_and_colour_can_be_subtracted():
    assert difference_pixels(np.zeros((2, 2, 1), np.float32), np.ones((2, 2, 3), np.float32), 1).shape == (2, 2, 3)


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
    panels = mode.arrange(panes, ViewSettings(picked=picked), pyramid_of)
    assert panels
    for panel in panels:
        assert panel.layers or panel.message


def test_modes_have_distinct_keys_and_words():
    modes = list(VIEW_MODES.values())
    assert len({mode.key for mode in modes}) == len(modes)
    assert all(mode.title and mode.description.endswith(".") and mode.icon for mode in modes)


def test_side_by_side_shows_each_pane_and_a_picked_one_alone():
    mode = VIEW_MODES["side_by_side"]
    panels = mode.arrange([NOISY, RESTORED, REFERENCE], ViewSettings(), pyramid_of)
    assert [panel.title for panel in panels] == ["Noisy", "Restored", "Reference"]
    (alone,) = mode.arrange([NOISY, RESTORED, REFERENCE], ViewSettings(picked=1), pyramid_of)
    assert alone.title == "Restored"


def test_side_by_side_names_different_sizes():
    panels = VIEW_MODES["side_by_side"].arrange(
        [NOISY, picture("Enlarged", 0.5, size=(8, 12))], ViewSettings(), pyramid_of
    )
    assert ["6 × 4" in panels[0].detail, "12 × 8" in panels[1].detail] == [True, True]


def test_split_takes_the_picked_pane():
    mode = VIEW_MODES["split"]
    (first,) = mode.arrange([NOISY, RESTORED, REFERENCE], ViewSettings(), pyramid_of)
    assert first.is_split
    assert first.pane_indices == (0, 1)
    (picked,) = mode.arrange([NOISY, RESTORED, REFERENCE], ViewSettings(picked=2), pyramid_of)
    assert [layer.label for layer in picked.layers] == ["Noisy", "Reference"]


def test_split_with_a_missing_side_says_why():
    (panel,) = VIEW_MODES["split"].arrange([NOISY, MISSING], ViewSettings(), pyramid_of)
    assert "Not restored yet." in panel.message
    assert not panel.is_split
    assert len(panel.layers) == 1


def test_difference_is_taken_from_the_reference():
    panels = VIEW_MODES["difference"].arrange([NOISY, RESTORED, REFERENCE], ViewSettings(gain=2.0), pyramid_of)
    assert [panel.title for panel in panels] == ["Reference − Noisy", "Reference − Restored"]
    assert [shown_value(panel.layers[0]) for panel in panels] == [round(0.4 * 255), round(0.2 * 255)]
    assert "× 2" in panels[0].detail


def test_residual_is_what_was_taken_from_the_noisy_photo():
    panels = VIEW_MODES["residual"].arrange([RESTORED, NOISY], ViewSettings(gain=4.0), pyramid_of)
    assert [panel.title for panel in panels] == ["Noisy − Restored"]
    assert shown_value(panels[0].layers[0]) == pytest.approx(0.9 * 255, abs=1)


def test_different_sizes_cannot_be_subtracted():
    (panel,) = VIEW_MODES["difference"].arrange(
        [NOISY, picture("Wider", 0.5, size=(8, 17))], ViewSettings(), pyramid_of
    )
    assert "6 × 4" in panel.message
    assert "17 × 8" in panel.message


@pytest.mark.parametrize("size", [(8, 12), (9, 13), (12, 18), (19, 26)])
@pytest.mark.parametrize("mode", ["difference", "residual"])
def test_an_enlarged_picture_is_subtracted_from_the_enlarged_photo(mode, size):
    factor = size[0] // NOISY.height
    (panel,) = VIEW_MODES[mode].arrange(
        [NOISY, picture("Enlarged", 0.5, size=size, role=PictureRole.RESTORED)], ViewSettings(gain=1.0), pyramid_of
    )
    assert panel.layers[0].pyramid.size.toTuple() == (factor * NOISY.width, factor * NOISY.height)
    expected = abs(float(NOISY.pixels[0, 0, 0]) - 0.5)
    signed = 0.5 + float(NOISY.pixels[0, 0, 0]) - 0.5
    assert shown_value(panel.layers[0]) == pytest.approx(255 * (expected if mode == "difference" else signed), abs=1)
    assert "the smaller one enlarged" in panel.detail
