"""Matching noisy photos with their clean references by name, and drawing the pairs that teach."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.contracts.errors import ImageReadError, InvalidInputError
from engine.contracts.photo import PhotoRef
from engine.photo_files.photos import probe_image
from engine.photos.folder import natural_sort_key
from engine.translatable import say

MIN_PAIRS_FOR_VALIDATION = 5

_SEPARATORS = re.compile(r"[\s_\-.()\[\]]+")
_ROLE_WORDS = frozenset(
    {
        *("noisy", "noise", "input", "low", "lq", "lr", "real", "degraded"),
        *("clean", "gt", "groundtruth", "truth", "mean", "average", "averaged", "avg", "ref", "reference"),
        *("target", "output", "high", "hq", "hr"),
    }
)
"""Words in file names that tell the noisy photo from its reference, not one scene from another."""


@dataclass(frozen=True)
class PhotoPair:
    """A noisy photo and the clean reference of the same scene."""

    noisy: PhotoRef
    clean: PhotoRef


@dataclass(frozen=True)
class DoubtfulPair:
    """A pair that is set aside.

    Attributes:
        pair: The two files.
        reason: Why, one sentence.
        hint: What to do about it, one sentence.
    """

    pair: PhotoPair
    reason: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class PairMatching:
    """What matching by name has found.

    Attributes:
        pairs: One noisy photo and one reference each, of one size; in natural order of the noisy photos.
        doubtful: Pairs that are set aside.
        unmatched_clean: References without a noisy photo.
    """

    pairs: tuple[PhotoPair, ...]
    doubtful: tuple[DoubtfulPair, ...]
    unmatched_clean: tuple[PhotoRef, ...]

    def named(self, names: Collection[str]) -> list[PhotoPair]:
        """Return the pairs of the noisy photos that are named; doubtful ones for names that no sound pair has.

        Where photos of several folders have one name, the doubtful pairs are those of another one's reference.
        """
        sound = [pair for pair in self.pairs if pair.noisy.is_named_in(names)]
        left = set(names).difference(*(pair.noisy.names for pair in sound))
        return [*sound, *(aside.pair for aside in self.doubtful if aside.pair.noisy.is_named_in(left))]


def match_pairs(
    noisy: Sequence[PhotoRef],
    clean: Sequence[PhotoRef],
    *,
    scale: int | Sequence[int] = 1,
    given: Sequence[PhotoPair] = (),
) -> PairMatching:
    """Match noisy photos with references by their names, and compare the sizes.

    Names match if they are alike without their endings and the case of their letters; those left over, if they are
    alike without words such as "noisy", "clean", "gt" or "mean"; the last, without a scale ("baby" and "babyx2").
    Where several files have one name, the folder that each lies in decides, if it can.

    Args:
        noisy: Noisy photos.
        clean: References.
        scale: How many times larger, to a side, the references are (rounded down to whole pixels of the noisy photo);
            where it is above 1, a noisy photo that has been enlarged to their size fits too. Several: any of them.
        given: Pairs that belong together whatever their names; several may share a reference. Their files take no part
            in the matching by name.

    Returns:
        Each file in at most one pair, but for those given; what is ambiguous, of different sizes or unreadable is
        doubtful.
    """
    candidates: list[PhotoPair] = list(dict.fromkeys(given))
    doubtful: list[DoubtfulPair] = []
    paired = {path for pair in candidates for path in (pair.noisy, pair.clean)}
    open_noisy, open_clean = ([path for path in dict.fromkeys(paths) if path not in paired] for paths in (noisy, clean))
    keys: list[Callable[[PhotoRef], Hashable | None]] = [_plain_name, _scene_name]
    scales = (scale,) if isinstance(scale, int) else tuple(scale)
    suffixes = [f"x{factor}" for factor in scales if factor > 1]
    if suffixes:
        keys.append(lambda path: _without_suffix(_plain_name(path), suffixes))
    for key_of in keys:
        taken: set[PhotoRef] = set()
        for noisy_group, clean_group in _group(open_noisy, open_clean, key_of):
            pairs, ambiguous = _resolve(noisy_group, clean_group)
            candidates.extend(pairs)
            doubtful.extend(ambiguous)
            taken.update(noisy_group)
            taken.update(clean_group if ambiguous else (pair.clean for pair in pairs))
        open_noisy = [path for path in open_noisy if path not in taken]
        open_clean = [path for path in open_clean if path not in taken]
    pairs = []
    for pair in candidates:
        doubt = _doubt_by_header(pair, scales)
        if doubt is None:
            pairs.append(pair)
        else:
            doubtful.append(doubt)
    return PairMatching(
        pairs=tuple(sorted(pairs, key=_pair_order)),
        doubtful=tuple(sorted(doubtful, key=lambda doubt: _pair_order(doubt.pair))),
        unmatched_clean=tuple(open_clean),
    )


def split_pairs(
    pairs: Sequence[PhotoPair], validation_share: float, seed: int, scenes: Mapping[PhotoRef, Hashable] | None = None
) -> tuple[tuple[PhotoPair, ...], tuple[PhotoPair, ...]]:
    """Hold some pairs back for validation, by photo.

    Pairs that share a photo stay on one side, so that validation never measures on what was taught.

    Args:
        pairs: All pairs, in any order.
        validation_share: 0 to 0.5.
        seed: The same pairs and seed give the same split.
        scenes: What files show, where that is known: files of one scene count as one photo.

    Returns:
        Training and validation pairs, disjoint, each in natural order; at least one trains; below
        `MIN_PAIRS_FOR_VALIDATION` pairs all do.

    Raises:
        ValueError: The share is outside of 0 to 0.5.
    """
    if not 0 <= validation_share <= 0.5:
        raise ValueError(f"validation_share must be from 0 to 0.5; found {validation_share}")
    wanted = round(len(pairs) * validation_share)
    if validation_share > 0:
        wanted = max(wanted, 1)
    if len(pairs) < MIN_PAIRS_FOR_VALIDATION:
        return tuple(sorted(pairs, key=_pair_order)), ()
    groups = groups_sharing_a_photo(pairs, scenes or {})
    order = np.random.default_rng(seed).permutation(len(groups))
    validation: list[PhotoPair] = []
    for index in order[:-1]:
        if len(validation) + len(groups[index]) <= wanted:
            validation.extend(groups[index])
    held_back = set(validation)
    training = [pair for pair in pairs if pair not in held_back]
    return tuple(sorted(training, key=_pair_order)), tuple(sorted(validation, key=_pair_order))


def groups_sharing_a_photo(pairs: Sequence[PhotoPair], scenes: Mapping[PhotoRef, Hashable]) -> list[list[PhotoPair]]:
    """Return the pairs in groups of which no two have a file or a scene in common, in natural order.

    Args:
        pairs: All pairs, in any order.
        scenes: What files show, where that is known: files of one scene count as one photo.
    """
    group_of: dict[Hashable, list[PhotoPair]] = {}
    for pair in sorted(pairs, key=_pair_order):
        keys = [scenes.get(path, path) for path in (pair.noisy, pair.clean)]
        group: list[PhotoPair] = []
        for key in keys:
            met = group_of.get(key)
            if met is None or met is group:
                continue
            if not group:
                group = met
                continue
            group.extend(met)
            for member in met:
                for path in (member.noisy, member.clean):
                    group_of[scenes.get(path, path)] = group
        group.append(pair)
        group_of.update(dict.fromkeys(keys, group))
    unique = {id(group): group for group in group_of.values()}
    return list(unique.values())


def choose_pairs(pairs: Sequence[PhotoPair], count: int, seed: int) -> tuple[PhotoPair, ...]:
    """Draw pairs by chance; with one seed, the draw of a few is part of the draw of more.

    Args:
        pairs: All pairs, in any order.
        count: How many to draw.
        seed: The same pairs and seed give the same draw.

    Returns:
        The pairs in natural order.

    Raises:
        InvalidInputError: There are fewer.
    """
    if count > len(pairs):
        raise InvalidInputError(
            say(
                "{count} labels were asked for, but there are only {num_pairs} usable pairs.",
                count=count,
                num_pairs=len(pairs),
            ),
            say("Ask for at most {num_pairs}, or add references.", num_pairs=len(pairs)),
        )
    ordered = sorted(pairs, key=_pair_order)
    order = np.random.default_rng(seed).permutation(len(ordered))
    return tuple(sorted((ordered[index] for index in order[:count]), key=_pair_order))


def _plain_name(photo: PhotoRef) -> str:
    # Macs decompose letters with accents in file names, other systems do not.
    return unicodedata.normalize("NFC", photo.stem).casefold()


def _without_suffix(name: str, suffixes: Sequence[str]) -> str:
    return next((name.removesuffix(suffix) for suffix in suffixes if name.endswith(suffix)), name)


def _scene_name(photo: PhotoRef) -> tuple[str, ...] | None:
    """Return the name's words that tell scenes apart; None where nothing is left of it."""
    words = _SEPARATORS.split(_plain_name(photo))
    return tuple(word for word in words if word and word not in _ROLE_WORDS) or None


def _group(
    noisy: Sequence[PhotoRef], clean: Sequence[PhotoRef], key_of: Callable[[PhotoRef], Hashable | None]
) -> list[tuple[list[PhotoRef], list[PhotoRef]]]:
    """Return the groups of files with one key that have members on both sides."""
    groups: defaultdict[Hashable, tuple[list[PhotoRef], list[PhotoRef]]] = defaultdict(lambda: ([], []))
    for side, paths in enumerate((noisy, clean)):
        for path in paths:
            key = key_of(path)
            if key is not None:
                groups[key][side].append(path)
    return [group for group in groups.values() if group[0] and group[1]]


def _resolve(noisy: list[PhotoRef], clean: list[PhotoRef]) -> tuple[list[PhotoPair], list[DoubtfulPair]]:
    """Pair the files of one name, by the folders that they lie in where there are several."""
    if len(noisy) == 1 and len(clean) == 1:
        return [PhotoPair(noisy[0], clean[0])], []
    pairs: list[PhotoPair] = []
    for one_noisy, one_clean in _group(noisy, clean, lambda path: path.file.parent.name.casefold()):
        if len(one_noisy) == 1 and len(one_clean) == 1:
            pairs.append(PhotoPair(one_noisy[0], one_clean[0]))
    photo_of = {pair.clean: pair.noisy for pair in pairs}
    open_noisy = [path for path in noisy if path not in photo_of.values()]
    open_clean = [path for path in clean if path not in photo_of]
    doubtful = []
    for path in open_noisy:
        fitting = open_clean or clean
        if not open_clean:
            reason = say(
                "The reference {reference} fits by its name, but belongs to another photo, whose folder is named "
                "alike: {photo}.",
                reference=fitting[0].name,
                photo=photo_of[fitting[0]],
            )
        elif len(open_noisy) > 1:
            names = ", ".join(str(other) for other in open_noisy)
            reason = say(
                "Several noisy photos fit the reference {fitting} by their names: {names}.",
                fitting=fitting[0].name,
                names=names,
            )
        else:
            # A single one that is left is of another folder, as those are that have their photos.
            names = ", ".join(str(other) for other in (open_clean if len(open_clean) > 1 else clean))
            reason = say("Several references fit this photo by their names: {names}.", names=names)
        doubtful.append(
            DoubtfulPair(
                PhotoPair(path, fitting[0]),
                reason,
                "Keep one of each, or name the photo and its reference alike.",
            )
        )
    return pairs, doubtful


def _doubt_by_header(pair: PhotoPair, scales: Sequence[int]) -> DoubtfulPair | None:
    if pair.noisy == pair.clean:
        return DoubtfulPair(
            pair, "The noisy photo and its reference are the same file.", "Choose another folder of references."
        )
    sizes = []
    for path, role in ((pair.noisy, "noisy photo"), (pair.clean, "reference")):
        try:
            info = probe_image(path)
        except ImageReadError as error:
            return DoubtfulPair(
                pair, say("The {role} cannot be read: {message}", role=role, message=error.message), error.hint
            )
        sizes.append((info.width, info.height))
    (noisy_width, noisy_height), (clean_width, clean_height) = sizes
    if sizes[0] not in [(clean_width // scale, clean_height // scale) for scale in (1, *scales)]:
        return DoubtfulPair(
            pair,
            say(
                "The sizes differ: the noisy photo has {noisy_width} x {noisy_height} pixels, its reference "
                "{clean_width} x {clean_height}.",
                noisy_width=noisy_width,
                noisy_height=noisy_height,
                clean_width=clean_width,
                clean_height=clean_height,
            ),
            "Crop or scale one of them so that both show the same pixels."
            if max(scales) == 1
            else say(
                "The reference must be {scales} times as large, or of the same size.",
                scales=" or ".join(str(scale) for scale in scales if scale > 1),
            ),
        )
    return None


def _pair_order(pair: PhotoPair) -> tuple[object, ...]:
    """Order by name, so that moving a folder changes no draw."""
    return natural_sort_key(pair.noisy.name), natural_sort_key(str(pair.noisy)), natural_sort_key(str(pair.clean))
