"""Which photo is meant: as a value, and as the text that settings, run folders and reports hold."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.cli.reporting import to_json
from engine.contracts.configs import FinetuneConfig, RestoreConfig
from engine.contracts.events import FileSkipped
from engine.contracts.photo import PhotoRef, photo_place
from engine.photos.identity import identity_of

_NAMES = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda name: name.strip(". ") == name
)


@given(folder=_NAMES, stem=_NAMES, suffix=st.sampled_from([".tif", ".TIFF", ".tiff"]), page=st.integers(0, 999_999))
def test_the_text_of_a_photo_stands_for_it(folder: str, stem: str, suffix: str, page: int) -> None:
    ref = PhotoRef(Path("/nowhere", folder, stem + suffix), page)
    assert PhotoRef.of(str(ref)) == PhotoRef.of(Path(str(ref))) == PhotoRef.of(ref) == ref
    assert ref.name == Path(str(ref)).name
    assert (ref.stem, ref.suffix) == (Path(str(ref)).stem, Path(str(ref)).suffix)


@pytest.mark.parametrize(
    "text",
    [
        "/x/stack.tif/stack · page 0.tif",
        "/x/stack.tif/other · page 2.tif",
        "/x/stack.tif/stack · page 2.tiff",
        "/x/stack.png/stack · page 2.png",
        "/x/stack · page 2.tif",
        "stack · page 2.tif",
        "/x/stack.tif",
    ],
)
def test_what_only_looks_like_a_page_is_a_file(text: str) -> None:
    assert PhotoRef.of(text) == PhotoRef(Path(text))
    assert photo_place(text) == Path(text)


def test_nothing_else_is_a_photo() -> None:
    with pytest.raises(ValueError, match="named by a path"):
        PhotoRef.of(3)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        RestoreConfig(model=Path("m"), photos=(3,), out=Path("out"))


def test_pages_are_ordered_by_number_behind_their_file() -> None:
    pages = [PhotoRef(Path("a.tif"), page) for page in (10, 1, 2)]
    assert [ref.page for ref in sorted(pages)] == [1, 2, 10]
    assert max(PhotoRef(Path("b.png")), *pages).file.name == "b.png"


def test_settings_with_photos_go_to_json_and_back() -> None:
    """The text is what it was while pages were paths, so that settings of earlier versions are read alike."""
    page, photo = PhotoRef(Path("/x/stack.tif"), 3), PhotoRef(Path("/x/a.png"))
    config = RestoreConfig(model=Path("m"), photos=(page, photo, Path("/x")), out=Path("out"))
    assert config.photos == (page, Path("/x/a.png"), Path("/x"))
    assert '"photos":["/x/stack.tif/stack · page 3.tif","/x/a.png","/x"]' in config.model_dump_json()
    assert RestoreConfig.model_validate_json(config.model_dump_json()) == config
    assert RestoreConfig.model_validate(config.model_dump()) == config
    tuned = FinetuneConfig(noisy=(Path("/x"),), clean=(Path("/y"),), given_pairs={page: photo})
    stored = tuned.model_dump(mode="json")
    assert stored["given_pairs"] == {"/x/stack.tif/stack · page 3.tif": "/x/a.png"}
    assert FinetuneConfig.model_validate(stored) == tuned
    assert pickle.loads(pickle.dumps(tuned)) == tuned


def test_events_name_photos_by_their_text() -> None:
    event = FileSkipped(path=PhotoRef(Path("/x/stack.tif"), 3), reason="", hint="")
    assert to_json(event) == {"path": "/x/stack.tif/stack · page 3.tif", "reason": "", "hint": "", "is_result": False}


def test_a_photo_lies_in_its_folder_its_file_and_itself() -> None:
    page = PhotoRef(Path("/x/stack.tif"), 3)
    assert all(page.is_in(place) for place in (Path("/x"), Path("/x/stack.tif"), page))
    assert not any(page.is_in(place) for place in (Path("/y"), Path("/x/sta"), PhotoRef(page.file, 2)))
    assert PhotoRef(Path("/x/a.png")).is_in(PhotoRef(Path("/x/a.png")))


def test_the_identity_changes_with_the_file_and_its_side_car(tmp_path: Path) -> None:
    stack, bare = tmp_path / "stack.tif", tmp_path / "frame.raw"
    tifffile.imwrite(stack, np.zeros((2, 8, 8), np.uint8), photometric="minisblack")
    bare.write_bytes(bytes(8))
    first, second, mosaic = PhotoRef(stack, 1), PhotoRef(stack, 2), PhotoRef(bare)
    known = [identity_of(first), identity_of(second), identity_of(mosaic), identity_of(first, mosaic)]
    assert len(set(known)) == len(known)
    (tmp_path / "frame.raw.json").write_text("{}")
    assert identity_of(first) == known[0]
    assert identity_of(mosaic) not in ("", known[2])
    stack.write_bytes(stack.read_bytes() + b" ")
    assert not {identity_of(first), identity_of(second)} & set(known)
    stack.unlink()
    assert identity_of(first) == identity_of(mosaic, first) == ""
