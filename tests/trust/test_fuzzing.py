"""Promise 5: what opens files says more than a sentence to no content, see `docs/fuzzing.md`.

The long form follows the code with atheris. Here: every content that once made a loader stumble, and whole files with a
few bytes changed, cut off, doubled or put elsewhere.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.contracts.errors import ImageReadError
from engine.photo_files import formats as image_formats
from engine.photo_files.photos import read_image
from tests.fuzzing.loaders import LOADERS, Loader, open_content, seeds_of

FINDINGS = Path(__file__).resolve().parents[1] / "fuzzing" / "findings"
NUM_MUTANTS = 120


def mutants_of(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to four things wrong."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start = int(rng.integers(0, max(len(changed), 1)))
        length = int(rng.choice([1, 1, 2, 4, 16, 200]))
        match int(rng.integers(0, 6)):
            case 0:
                changed[start : start + length] = rng.bytes(length)
            case 1:
                changed[start : start + length] = bytes([rng.choice([0, 1, 0x7F, 0x80, 0xFF])]) * length
            case 2:
                del changed[start : start + length]
            case 3:
                changed[start:start] = changed[start : start + length]
            case 4:
                del changed[start:]
            case _:
                changed[start:start] = rng.choice(
                    [b"9" * 400, b"-1", b"null", b"{", b"[[", b"\xff\xd9", b"1e999"]
                ).item()
    return bytes(changed)


@pytest.mark.parametrize("finding", sorted(FINDINGS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_a_sentence_now(finding: Path, tmp_path: Path, user_data: Path) -> None:
    open_content(LOADERS[finding.parent.name], finding.read_bytes(), tmp_path)


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_damaged_files_are_sentences(
    loader: Loader, tmp_path: Path, user_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_formats, "MAX_PIXELS", 1_000_000)
    seeds = seeds_of(loader, tmp_path / "seeds")
    assert seeds
    rng = np.random.default_rng(len(seeds))
    for number in range(NUM_MUTANTS):
        content = mutants_of(seeds[number % len(seeds)], rng)
        open_content(loader, content, tmp_path / str(number))


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "outcome"])
def test_whole_files_open(name: str, tmp_path: Path, user_data: Path) -> None:
    """Else all that follows from them would be refused at its first byte."""
    loader = LOADERS[name]
    for number, content in enumerate(seeds_of(loader, tmp_path / "seeds")):
        path = tmp_path / str(number) / loader.file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        loader.load(path)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is not counted any more")
@pytest.mark.parametrize("suffix", [".png", ".avif"])
def test_none_is_not_used_up_by_damaged_photos(tmp_path: Path, suffix: str) -> None:
    """imagecodecs gives back one reference too many for each; half a million damaged photos ended the program."""
    whole = tmp_path / f"whole{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 17, 3), np.uint8)).save(whole)
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(whole.read_bytes()[:-200])
    before = sys.getrefcount(None)
    for _ in range(1000):
        with pytest.raises(ImageReadError):
            read_image(damaged)
    assert sys.getrefcount(None) > before - 200
