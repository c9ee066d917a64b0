"""The page on restored photos: what it shows, and that no file's name can become a part of it."""

import base64
import csv
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef
from engine.contracts.results import PhotoOutcome, RestoreReportConfig
from engine.restoring.report import CROP_PX, write_restore_report


class Page(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def write(folder: Path, *outcomes: PhotoOutcome, earlier_results: tuple[PhotoRef, ...] = ()) -> Page:
    config = RestoreReportConfig(path=folder / "report.html", outcomes=outcomes, earlier_results=earlier_results)
    return Page(write_restore_report(config, JobControl(), lambda event: None).read_text(encoding="utf-8"))


@pytest.mark.parametrize("scale", [1, 2])
def test_two_crops_of_one_size_are_shown_of_each_photo(tmp_path: Path, scale: int) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "noisy.png"), noisy)
    cv2.imwrite(str(tmp_path / "restored.png"), cv2.resize(noisy, None, fx=scale, fy=scale))
    outcome = PhotoOutcome(
        source=PhotoRef(tmp_path / "noisy.png"), state="restored", output=tmp_path / "restored.png", seconds=1.25
    )
    page = write(tmp_path, outcome)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["before", "after"]
    for image in images:
        kind, content = str(image["src"]).split(";base64,")
        assert kind == "data:image/jpeg"
        crop = cv2.imdecode(np.frombuffer(base64.b64decode(content, validate=True), np.uint8), cv2.IMREAD_COLOR)
        assert crop is not None
        assert crop.shape == (CROP_PX, CROP_PX, 3)
    assert "restored in 1.2 s" in page.texts


def test_names_cannot_become_markup_or_formulas(tmp_path: Path) -> None:
    name = "=<b>{name}&"
    failed = PhotoOutcome(source=PhotoRef(Path(name)), state="failed", reason="</p><script>", hint="{{ 1 + 1 }}")
    page = write(tmp_path, failed, earlier_results=(PhotoRef(Path(f"{name}2")),))
    assert not {"b", "script"} & {tag for tag, _ in page.tags}
    assert {name, f"{name}2", "</p><script>", "{{ 1 + 1 }}"} <= set(page.texts)
    assert [attributes.get("class") for tag, attributes in page.tags if tag == "article"] == ["failed", None]
    rows = list(csv.reader((tmp_path / "report.csv").read_text("utf-8-sig").splitlines()))
    assert [row[0] for row in rows] == ["source", f"'{name}", f"'{name}2"]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are text there")
def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    page = write(tmp_path, PhotoOutcome(source=PhotoRef(Path(os.fsdecode(b"a\xff.png"))), state="failed"))
    assert r"a\udcff.png" in page.texts
    assert re.search(r"^a\\udcff\.png,failed", (tmp_path / "report.csv").read_text("utf-8-sig"), re.MULTILINE)
