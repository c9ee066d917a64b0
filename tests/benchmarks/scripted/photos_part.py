"""The Photos page: many kinds of files, filter, order, noise map, exclusion, skipped files, duplicates."""

import shutil
from pathlib import Path

from tests.benchmarks.scripted.parts import Plan
from tests.benchmarks.scripted.person import Person

_NUM_PHOTOS = 24
_OTHERS = (
    "odd_files/photoprism_misc/iphone_7.heic",
    "odd_files/photoprism_misc/fox.profile0.8bpc.yuv420.avif",
    "odd_files/photoprism_misc/IMG_4120 (1).JPG",
    "odd_files/made/multipage_3.tif",
    "odd_files/made/empty.jpg",
    "odd_files/made/truncated_header.jpg",
    "odd_files/made/text_named.jpg",
    "raw/camera/colorchart_rggb_1888x1182_16bit.dng",
    "real_noisy_pairs/fmd_microscopy/noisy/myxo_bacteria_16bit.png",
)


def prepare(plan: Plan) -> list[Path]:
    """Lay out camera photos beside a phone's, raw, microscopy, damaged and doubled ones."""
    folder = plan.data / "Everything"
    folder.mkdir(parents=True)
    photos = sorted((plan.polyu / "noisy").iterdir())[:: 60 // _NUM_PHOTOS][:_NUM_PHOTOS]
    for photo in photos:
        shutil.copy(photo, folder)
    for name in _OTHERS:
        shutil.copy(plan.shared / name, folder)
    shutil.copy(photos[0], folder / "a copy of the first.jpg")
    return [folder]


def live(person: Person, plan: Plan) -> None:
    """Look for, look at and leave out photos."""
    person.wait("photos", lambda: len(person.page.session.photos) > _NUM_PHOTOS)
    person.settle(300)
    person.shoot("all kinds of photos")

    person.click_row(lambda: person.page.grid, 3)
    person.point_at(lambda: person.page.grid.viewport(), (0.25, 0.3))
    person.shoot("crop under the mouse")

    person.press("ctrl+f")
    person.write("iso6400")
    person.settle()
    person.shoot("filtered by name")
    person.press("ctrl+a", "BackSpace", "ctrl+shift+f")
    person.wait("the filter's conditions", lambda: person.page.tools.filter_panel.isVisible())
    person.click_on(lambda: person.page.tools.filter_panel.noise.low)
    person.write("3")
    person.settle()
    person.shoot("filter by noise")
    person.click("Clear all conditions")
    person.press("Escape")

    person.choose(lambda: person.page.tools.sort_box, "Noisiest first")
    person.settle()
    person.shoot("noisiest first")
    person.press("ctrl+m")
    person.settle()
    person.shoot("noise map")
    person.drag(lambda: person.page.noise_map.plot, (0.3, 0.1), (0.7, 0.6))
    person.shoot("noise map with a selection")
    person.press("ctrl+m")

    person.press("ctrl+l")
    person.settle()
    person.shoot("contrast stretched")
    person.press("ctrl+l")
    person.drag(lambda: person.page.tools.size_slider, (0.4, 0.5), (0.95, 0.5))
    person.settle()
    person.shoot("large thumbnails")
    person.drag(lambda: person.page.tools.size_slider, (0.95, 0.5), (0.3, 0.5))

    person.click_row(lambda: person.page.grid, 1)
    person.click_row(lambda: person.page.grid, 4, keys=("ctrl",))
    person.press("Delete")
    person.wait("two left out", lambda: len(person.page.session.excluded) == 2)
    person.shoot("two left out")
    person.press("ctrl+z")
    person.wait("taken back", lambda: not person.page.session.excluded)
    person.press("ctrl+k")
    person.wait("only these", lambda: len(person.page.session.included_photos) == 2)
    person.shoot("only two used")
    person.click("Take all back")

    person.click_row(lambda: person.page.grid, 2, button=3)
    person.shoot("menu of a photo")
    person.press("Escape")

    person.click("Show the files that cannot be used")
    person.shoot("skipped files and why")
    person.click("Show the files that cannot be used")
    person.click("Show photos that are there more than once")
    person.settle()
    person.shoot("duplicates")
