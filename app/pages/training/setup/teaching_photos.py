"""What a fine-tuning may learn from: pairs or, for tasks that make their own, clean photos alone. No widgets."""

from dataclasses import dataclass
from functools import lru_cache

from app.core.session import Session
from app.look.phrases import NO_BREAK
from app.look.translation import format_number, tr, tr_count
from engine.contracts.errors import ImageReadError
from engine.contracts.photo import PhotoRef
from engine.method.catalogue.tasks import TaskRow
from engine.photo_files.photos import probe_image
from engine.photos.pairs import PhotoPair

REFERENCES, OPEN_PHOTOS, PAIRS = "references", "photos", "pairs"


@dataclass(frozen=True, kw_only=True)
class TeachingPhotos:
    """One of the sets that a fine-tuning may learn from.

    Attributes:
        key: Tells it from the others: `REFERENCES`, `OPEN_PHOTOS` or `PAIRS`.
        title: What a person reads.
        pairs: The two files of each; of a clean photo alone both are the same.
    """

    key: str
    title: str
    pairs: tuple[PhotoPair, ...]

    def count(self, number: int) -> str:
        """Return a number of them in words: "5 labels", "5 clean photos"."""
        return count_labels(number) if self.key == PAIRS else count_clean_photos(number)

    @property
    def are_clean_alone(self) -> bool:
        """Whether the task has to make the noisy side by itself."""
        return all(pair.noisy == pair.clean for pair in self.pairs)


def offered_photos(session: Session, row: TaskRow) -> list[TeachingPhotos]:
    """Return the sets that there are for a task, the one to take by default first."""
    found: list[TeachingPhotos] = []
    if row.makes_own_pairs:
        references = session.clean_photos
        alone = tr_count("{number} clean reference alone", "{number} clean references alone", len(references))
        found.append(_clean_alone(REFERENCES, alone.format(number=format_number(len(references))), references))
        photos = session.teaching_photos
        taken = tr("The open photos, taken as clean ({number})").format(number=format_number(len(photos)))
        found.append(_clean_alone(OPEN_PHOTOS, taken, photos))
    num_pairs = len(session.label_pairs)
    pairs = tr_count(
        "{number} pair of a noisy photo and its reference",
        "{number} pairs of a noisy photo and its reference",
        num_pairs,
    )
    real = TeachingPhotos(key=PAIRS, title=pairs.format(number=format_number(num_pairs)), pairs=session.label_pairs)
    # A camera's own small photos teach more than made ones; pairs of one size are meant for denoising.
    found.insert(0 if row.scale > 1 and _are_enlarged(session, row.scale) else len(found), real)
    return [photos for photos in found if photos.pairs]


def _are_enlarged(session: Session, scale: int) -> bool:
    """Whether references are as many times larger than their noisy photos; the first pair stands for all."""
    pair = next(iter(session.label_pairs), None)
    noisy = session.photo(pair.noisy) if pair is not None else None
    if pair is None or noisy is None:
        return False
    width, height = _size_of(pair.clean)
    return (width // scale, height // scale) == (noisy.width, noisy.height)


@lru_cache(maxsize=8)
def _size_of(photo: PhotoRef) -> tuple[int, int]:
    """Width and height by the file's header; 0 where it has none to tell."""
    try:
        info = probe_image(photo)
    except ImageReadError:
        return 0, 0
    return info.width, info.height


def _clean_alone(key: str, title: str, photos: tuple[PhotoRef, ...]) -> TeachingPhotos:
    return TeachingPhotos(key=key, title=title, pairs=tuple(PhotoPair(photo, photo) for photo in photos))


def count_photos(number: int) -> str:
    """Return "1 photo", "212 photos"."""
    return _unbroken(tr_count("{number} photo", "{number} photos", number), number)


def count_labels(number: int) -> str:
    """Return "1 label", "5 labels"."""
    return _unbroken(tr_count("{number} label", "{number} labels", number), number)


def count_clean_photos(number: int) -> str:
    """Return "1 clean photo", "5 clean photos"."""
    return _unbroken(tr_count("{number} clean photo", "{number} clean photos", number), number)


def _unbroken(text: str, number: int) -> str:
    """Fill a number in and keep it in one line with the word behind it."""
    return text.replace("{number} ", f"{{number}}{NO_BREAK}").format(number=format_number(number))
