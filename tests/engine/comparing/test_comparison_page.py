import base64
import json
import os
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from engine.comparing.page import ComparisonPageConfig, PagePicture, write_comparison_page
from engine.contracts.errors import ImageWriteError, InvalidInputError
from engine.contracts.events import StepDone
from engine.contracts.job_control import JobCancelled, JobControl


class Page(HTMLParser):
    """What a browser finds in the file."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.scripts = []
        self.texts = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._in_script = tag == "script"

    def handle_data(self, data):
        (self.scripts if self._in_script else self.texts).append(data)

    def handle_endtag(self, tag):
        self._in_script = False

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def pictures():
    rng = np.random.default_rng(2)
    colour = rng.random((30, 40, 3), dtype=np.float32)
    return (
        PagePicture(name="Noisy", caption="Noisy · 30.00 dB", pixels=colour),
        PagePicture(name='<b>& "Model"', caption="</script><script>alert(1)</script>", pixels=colour[::-1].copy()),
        PagePicture(name="Gray, large", caption="x", pixels=rng.random((60, 80, 1), dtype=np.float32)),
    )


def write(tmp_path, **settings):
    events = []
    config = ComparisonPageConfig(path=tmp_path / "page.html", title="A & <photo>", pictures=pictures(), **settings)
    path = write_comparison_page(config, JobControl(), events.append)
    return Page(path.read_text(encoding="utf-8")), events


def decode(source):
    kind, data = source.split(";base64,")
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data, validate=True), np.uint8), cv2.IMREAD_UNCHANGED)
    return kind, image


def test_png_keeps_every_pixel(tmp_path):
    page, events = write(tmp_path, file_format="png")
    images = page.all("img")
    assert [image["alt"] for image in images] == ["Noisy", '<b>& "Model"', "Gray, large"]
    for image, picture in zip(images, pictures(), strict=True):
        kind, pixels = decode(image["src"])
        assert kind == "data:image/png"
        wanted = np.rint(picture.pixels * 255).astype(np.uint8)
        shown = pixels[:, :, ::-1] if pixels.ndim == 3 else pixels[:, :, None]
        np.testing.assert_array_equal(shown, wanted)
    assert [event.step for event in events if isinstance(event, StepDone)] == [0, 1, 2, 3]


def test_jpeg_is_smaller(tmp_path):
    page, _ = write(tmp_path, file_format="jpeg", jpeg_quality=60)
    kind, pixels = decode(page.all("img")[0]["src"])
    assert kind == "data:image/jpeg"
    assert pixels.shape == (30, 40, 3)
    small = (tmp_path / "page.html").stat().st_size
    write(tmp_path, file_format="png")
    assert small < (tmp_path / "page.html").stat().st_size


def test_nothing_comes_from_elsewhere(tmp_path):
    page, _ = write(tmp_path)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(source.startswith("data:image/") for source in sources)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:")


def test_names_cannot_become_markup(tmp_path):
    page, _ = write(tmp_path)
    assert len(page.scripts) == 1
    assert page.all("b") == []
    captions = json.loads(re.search(r"const captions = (\[.*\]);", page.scripts[0]).group(1))
    assert captions == [picture.caption for picture in pictures()]
    assert "A & <photo>" in page.texts


def test_the_slider_can_be_reached_and_the_largest_size_counts(tmp_path):
    page, _ = write(tmp_path)
    (slider,) = (field for field in page.all("input") if field["type"] == "range")
    assert slider["aria-label"]
    (stage,) = (box for box in page.all("div") if box.get("id") == "stage")
    assert (stage["data-width"], stage["data-height"]) == ("80", "60")
    assert [image["class"] for image in page.all("img")] == ["left", "right", ""]
    assert len(page.all("option")) == 6
    assert "{{" not in page.scripts[0]


def test_stopping_and_failing_leave_the_old_file(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    control = JobControl()
    config = ComparisonPageConfig(path=path, title="", pictures=pictures())
    with pytest.raises(JobCancelled):
        write_comparison_page(config, control, lambda event: control.cancel())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ImageWriteError):
        write_comparison_page(
            ComparisonPageConfig(path=tmp_path / "none" / "page.html", title="", pictures=pictures()),
            JobControl(),
            lambda event: None,
        )
    with pytest.raises(InvalidInputError):
        write_comparison_page(
            ComparisonPageConfig(path=path, title="", pictures=pictures()[:1]), JobControl(), lambda event: None
        )


def test_a_photo_s_name_may_be_no_text(tmp_path):
    """Bytes of another encoding, as Python keeps them."""
    name = os.fsdecode(b"caf\xe9.jpg")
    config = ComparisonPageConfig(path=tmp_path / "page.html", title=name, pictures=pictures())
    path = write_comparison_page(config, JobControl(), lambda event: None)
    assert "caf\\udce9.jpg" in path.read_text(encoding="utf-8")
