"""What a person chooses of a file beside its format reaches the encoders, and the note of how it was made."""

from pathlib import Path

import pytest

from engine.contracts.configs import RestoreConfig
from engine.contracts.output_formats import FORMATS, FileChoices


def test_choices_are_those_of_the_restoration() -> None:
    config = RestoreConfig(model=Path("starter"), photos=(Path("photo.jpg"),), out=Path("out"), jpeg_quality=60)
    assert config.file_choices == FileChoices(jpeg_quality=60)
    usual = RestoreConfig(model=Path("starter"), photos=(Path("photo.jpg"),), out=Path("out"))
    assert usual.file_choices == FileChoices()


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_quality_is_noted_where_the_format_has_one(file_format: str) -> None:
    noted = FileChoices(jpeg_quality=60).noted(file_format)
    assert noted == ({"quality": 60} if file_format in {"jpeg", "webp"} else {})
