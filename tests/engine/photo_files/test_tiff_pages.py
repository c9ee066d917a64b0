"""Pages of TIFF files as photos: found, named, read, taught."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.job_control import JobControl
from engine.contracts.photo import PhotoRef, photo_place
from engine.labelling.burst import BurstConfig, make_burst_references
from engine.photo_files.photos import (
    encode_image,
    probe_image,
    read_image,
    read_samples,
    read_thumbnail,
    write_image,
)
from engine.photo_files.tiff.pages import list_pages
from engine.photos.crops import decode_photo
from engine.photos.folder import list_image_files
from engine.photos.identity import file_digest, identity_of
from engine.photos.pairs import match_pairs
from engine.restoring.sources import list_sources


def write_stack(path: Path, num_pages: int = 3, **options: object) -> np.ndarray:
    """Pages of 16-bit gray, all unlike."""
    pages = np.arange(num_pages * 24 * 32, dtype=np.uint16).reshape(num_pages, 24, 32) * 7
    tifffile.imwrite(path, pages, photometric="minisblack", **options)
    return pages


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"imagej": True}, {"ome": True}])
def test_each_page_is_a_photo(tmp_path: Path, options: dict[str, object]) -> None:
    stack = tmp_path / "stack.tif"
    pages = write_stack(stack, **options)
    listed = list_image_files([tmp_path])
    assert [path.name for path in listed] == [f"stack · page {number}.tif" for number in (1, 2, 3)]
    for path, page in zip(listed, pages, strict=True):
        info, photo = probe_image(path), read_image(path)
        assert (info.width, info.height, info.num_channels, info.bit_depth) == (32, 24, 1, 16)
        assert np.array_equal(np.rint(photo.pixels[:, :, 0] * 65535).astype(np.uint16), page)


def write_stack_of_one_directory(path: Path, pages: np.ndarray, **options: object) -> None:
    """As ImageJ writes stacks beyond 4 GB: the first slice has a directory, the others lie behind it."""
    rest = pages[1:].astype(pages.dtype.newbyteorder(options.get("byteorder", "<"))).tobytes()
    description = f"ImageJ=1.54f\nimages={len(pages)}\nslices={len(pages)}\nunit=micron\n"
    photometric = "rgb" if pages.ndim == 4 else "minisblack"
    tifffile.imwrite(path, pages[0], photometric=photometric, description=description, metadata=None, **options)
    with path.open("ab") as file:
        file.write(rest)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 5}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_slices_behind_one_directory_are_photos(
    tmp_path: Path, options: dict[str, object], dtype: type[np.generic], colours: tuple[int, ...]
) -> None:
    pages = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (4, 24, 32, *colours)).astype(dtype)
    stack = tmp_path / "stack.tif"
    write_stack_of_one_directory(stack, pages, **options)
    with tifffile.TiffFile(stack) as tiff:
        assert len(tiff.pages) == 1
        assert np.array_equal(tiff.asarray(), pages)
    listed = list_image_files([tmp_path])
    assert listed == [PhotoRef(stack, number) for number in (1, 2, 3, 4)]
    for path, page in zip(listed, pages, strict=True):
        assert (probe_image(path).width, probe_image(path).height) == (32, 24)
        assert np.array_equal(read_samples(path).samples.squeeze(), page)
        written = tmp_path / "written.tif"
        written.write_bytes(encode_image(read_image(path), file_format="tiff"))
        assert np.array_equal(tifffile.imread(written), page)
    with pytest.raises(ImageReadError, match="no page 5"):
        read_image(PhotoRef(stack, 5))


def test_a_stack_of_one_directory_that_ends_early(tmp_path: Path) -> None:
    """The slices that are whole are photos; the broken one says so, and what has not begun is not there."""
    stack = tmp_path / "stack.tif"
    pages = np.arange(5 * 24 * 32, dtype=np.uint16).reshape(5, 24, 32)
    write_stack_of_one_directory(stack, pages)
    stack.write_bytes(stack.read_bytes()[: -2 * pages[0].nbytes + 100])
    listed = list_pages(stack)
    assert listed == [PhotoRef(stack, number) for number in (1, 2, 3, 4)]
    assert np.array_equal(read_samples(listed[2]).samples[:, :, 0], pages[2])
    with pytest.raises(ImageReadError, match="are missing"):
        read_image(listed[3])


def test_a_picture_that_kept_the_description_of_its_stack_is_one(tmp_path: Path) -> None:
    """Whether its pixels end the file, or what describes them stands behind them."""
    path = tmp_path / "slice.tif"
    page = np.arange(24 * 32, dtype=np.uint16).reshape(1, 24, 32)
    write_stack_of_one_directory(path, page)
    content = path.read_bytes().replace(b"images=1", b"images=9")
    path.write_bytes(content)
    assert list_pages(path) == [PhotoRef(path)]
    first = int.from_bytes(content[4:8], "little")
    directory = content[first : first + 2 + 12 * int.from_bytes(content[first : first + 2], "little") + 4]
    path.write_bytes(content[:4] + len(content).to_bytes(4, "little") + content[8:] + directory + bytes(5000))
    with tifffile.TiffFile(path) as tiff:
        assert np.array_equal(tiff.pages.first.asarray(), page[0])
    assert list_pages(path) == [PhotoRef(path)]


def test_a_file_of_one_page_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "single.tif"
    write_stack(path, 1)
    assert list_pages(path) == [PhotoRef(path)]


def test_masks_and_smaller_versions_are_no_photos(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as writer:
        for side, subfile_type in ((32, 0), (16, 1), (32, 0), (32, 4)):
            kind = np.bool_ if subfile_type == 4 else np.uint8
            writer.write(np.zeros((side, side), kind), photometric="minisblack", subfiletype=subfile_type)
    assert list_pages(path) == [PhotoRef(path, 1), PhotoRef(path, 3)]


def test_pages_given_alone_and_of_a_file_given_alone(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tiff"
    write_stack(stack)
    assert list_image_files([PhotoRef(stack, 2), stack]) == [PhotoRef(stack, number) for number in (2, 1, 3)]


def test_a_page_that_is_not_there(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    write_stack(stack)
    with pytest.raises(ImageReadError, match="no page 9"):
        read_image(PhotoRef(stack, 9))
    stack.unlink()
    with pytest.raises(ImageReadError, match="not there"):
        read_image(PhotoRef(stack, 1))
    stack.write_bytes(b"\x89PNG\r\n\x1a\n and more")
    with pytest.raises(ImageReadError, match="no pages"):
        read_image(PhotoRef(stack, 1))


def test_a_folder_may_be_named_like_a_stack(tmp_path: Path) -> None:
    folder = tmp_path / "stack.tif"
    folder.mkdir()
    file = folder / "stack · page 2.tif"
    write_stack(file, 1)
    assert PhotoRef.of(file) == PhotoRef(file)
    assert photo_place(str(file)) == file
    assert read_image(file).width == 32


def test_endless_and_broken_chains_end(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    write_stack(stack, 2)
    content = bytearray(stack.read_bytes())
    first = int.from_bytes(content[4:8], "little")
    next_at = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    content[next_at : next_at + 4] = first.to_bytes(4, "little")
    stack.write_bytes(content)
    assert list_pages(stack) == [PhotoRef(stack)]
    content[next_at : next_at + 4] = (len(content) - 1).to_bytes(4, "little")
    stack.write_bytes(content)
    assert list_pages(stack) == [PhotoRef(stack)]
    stack.write_bytes(b"II*\x00\x08")
    assert list_pages(stack) == [PhotoRef(stack)]


def test_pages_teach_one_by_one_and_are_restored_together(tmp_path: Path) -> None:
    """The subfolder of a stack is that of its file, and an earlier result is told from an original."""
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    stack = folder / "inner" / "stack.tif"
    write_stack(stack, 2)
    assert decode_photo(PhotoRef(stack, 2), independent_pixels=True).levels.shape[1:] == (24, 32)
    assert file_digest(PhotoRef(stack, 1)) != file_digest(PhotoRef(stack, 2))
    write_stack(folder / "inner" / "stack · page 1_restored.tif", 1)
    listing = list_sources([folder], folder, stacks_are_whole=False)
    assert [(photo.photo, photo.subfolder) for photo in listing.photos] == [
        (PhotoRef(stack, 1), Path("inner")),
        (PhotoRef(stack, 2), Path("inner")),
    ]
    (whole,) = list_sources([folder], folder).photos
    assert (whole.photo, whole.pages, whole.subfolder) == (PhotoRef(stack), (1, 2), Path("inner"))
    assert [path.name for path in listing.earlier_results] == ["stack · page 1_restored.tif"]


def test_a_page_is_there_as_long_as_its_file_is(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    write_stack(stack)
    assert PhotoRef(stack, 2).is_on_disk()
    assert identity_of(PhotoRef(stack, 2)) != identity_of(PhotoRef(stack, 3))
    stack.unlink()
    assert not PhotoRef(stack, 2).is_on_disk()
    assert identity_of(PhotoRef(stack, 2)) == ""


def test_a_link_to_a_stack_is_the_stack(tmp_path: Path) -> None:
    stack, link = tmp_path / "stack.tif", tmp_path / "zz link.tif"
    write_stack(stack, 2)
    link.symlink_to(stack)
    assert PhotoRef(link, 2).resolved() == PhotoRef(stack.resolve(), 2)
    listing = list_sources([tmp_path], tmp_path / "out")
    assert [photo.photo for photo in listing.photos] == [PhotoRef(stack)]


def test_pages_of_several_stacks_of_one_name_are_matched_by_folder(tmp_path: Path) -> None:
    for side in ("noisy", "clean"):
        for folder in ("monday", "tuesday"):
            (tmp_path / side / folder).mkdir(parents=True)
            write_stack(tmp_path / side / folder / "stack.tif", 2)
    matching = match_pairs(list_image_files([tmp_path / "noisy"]), list_image_files([tmp_path / "clean"]))
    assert matching.doubtful == ()
    assert len(matching.pairs) == 4
    for pair in matching.pairs:
        assert pair.noisy.file.relative_to(tmp_path / "noisy") == pair.clean.file.relative_to(tmp_path / "clean")
        assert pair.noisy.page == pair.clean.page


def test_references_of_pages_do_not_go_into_the_folder_of_their_file(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    write_stack(stack)
    shots = [PhotoRef(stack, number) for number in (1, 2, 3)]
    with pytest.raises(InvalidInputError, match="folder of the shots"):
        make_burst_references(BurstConfig(shots=tuple(shots), out=tmp_path), JobControl(), lambda _: None)


def test_a_dim_page_is_shown_between_its_black_and_white(tmp_path: Path) -> None:
    """From 16 bits: of 8 the dim picture would have 10 levels left."""
    path = tmp_path / "dim.tif"
    tifffile.imwrite(path, np.linspace(100, 2600, 64 * 64).astype(np.uint16).reshape(64, 64), photometric="minisblack")
    for is_stretched in (False, True):
        shown = read_thumbnail(path, 64, stretched=is_stretched)
        assert shown.min() == 0
        assert shown.max() == 255
        assert len(np.unique(shown)) == 256


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {"shaped": True}])
def test_a_page_that_is_written_is_one_page_to_other_programs(tmp_path: Path, options: dict[str, object]) -> None:
    stack = tmp_path / ("stack.ome.tif" if "ome" in options else "stack.tif")
    pages = write_stack(stack, 5, **options)
    for path, page in zip(list_pages(stack), pages, strict=True):
        written = tmp_path / "written.tif"
        written.write_bytes(encode_image(read_image(path), file_format="tiff"))
        assert np.array_equal(tifffile.imread(written), page)


def test_a_page_of_imagej_keeps_the_unit_and_the_range(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    write_stack(stack, 5, imagej=True, metadata={"unit": "um", "spacing": 2.0, "min": 3.0}, resolution=(4, 4))
    written = tmp_path / "written.tif"
    written.write_bytes(encode_image(read_image(list_pages(stack)[0]), file_format="tiff"))
    with tifffile.TiffFile(written) as tiff:
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["unit"] == "um"
        assert tiff.imagej_metadata["min"] == 3.0
        assert "spacing" not in tiff.imagej_metadata
        assert tiff.pages.first.tags.valueof(282) == (4, 1)


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_each_page_has_its_own_orientation_and_description(tmp_path: Path, is_big: bool, byte_order: str) -> None:
    stack = tmp_path / "pages.tif"
    turned = {1: lambda page: page, 3: lambda page: page[::-1, ::-1], 6: lambda page: np.rot90(page, -1)}
    pages = [np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3) + number for number in range(3)]
    with tifffile.TiffWriter(stack, bigtiff=is_big, byteorder=byte_order) as writer:
        for page, orientation in zip(pages, turned, strict=True):
            tags = [(274, 3, 1, orientation, True), (315, 2, None, f"Artist {orientation}", True)]
            writer.write(
                page,
                photometric="rgb",
                metadata=None,
                description=f"Page of {orientation}",
                resolution=(100 + orientation, 200),
                resolutionunit="inch",
                extratags=tags,
            )
    for path, page, (orientation, turn) in zip(list_pages(stack), pages, turned.items(), strict=True):
        info, photo = probe_image(path), read_image(path)
        assert (info.height, info.width) == turn(page).shape[:2]
        written = tmp_path / "written.tif"
        written.write_bytes(encode_image(photo, file_format="tiff"))
        with tifffile.TiffFile(written) as tiff:
            first = tiff.pages.first
            assert np.array_equal(first.asarray(), turn(page))
            assert first.tags.valueof(274) == 1
            assert first.tags.valueof(315) == f"Artist {orientation}"
            assert first.description == f"Page of {orientation}"
            resolution = (100 + orientation, 200)
            assert first.tags.valueof(282)[0] == resolution[orientation == 6]


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_names_of_document_and_page_are_kept(tmp_path: Path, byte_order: str) -> None:
    source, names = tmp_path / "scan.tif", {269: "Ledger of 1912", 285: "folio 7 verso"}
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
    tags = [(tag, 2, len(name) + 1, name, True) for tag, name in names.items()]
    tifffile.imwrite(source, pixels, photometric="rgb", metadata=None, extratags=tags, byteorder=byte_order)
    write_image(tmp_path / "copy.tif", read_image(source))
    with tifffile.TiffFile(tmp_path / "copy.tif") as copy:
        assert {tag: copy.pages.first.tags.valueof(tag) for tag in names} == names
