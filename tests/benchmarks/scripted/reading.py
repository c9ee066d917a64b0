"""Whether what stands in the window is what a part of the script calls by its English words."""

import gettext
import re

from app.look.catalogues import load_catalogue

_FIELD = re.compile(r"\{\w*\}")
_NUMBER = re.compile(r"\d+")


class Reader:
    """Reads the window's language; the parts of the script are written in English."""

    def __init__(self, language: str = "en") -> None:
        catalogue = load_catalogue(language)
        self._texts: dict[str, str] = _texts_of(catalogue) if isinstance(catalogue, gettext.GNUTranslations) else {}
        self._patterns: dict[str, list[re.Pattern[str]]] = {}

    def says(self, said: str, text: str) -> bool:
        """Tell whether something said begins with a text, or with what it is in the window's language."""
        plain = said.replace("&", "").replace("\xa0", " ")
        return plain.startswith(text) or any(pattern.match(plain) for pattern in self._patterns_of(text))

    def _patterns_of(self, text: str) -> list[re.Pattern[str]]:
        if text not in self._patterns:
            stem, number = _NUMBER.split(text)[0], _NUMBER.search(text)
            # What is numbered begins with its number: "Pane 2".
            gap = ".+?" if number is None else number[0]
            found = [translation for source, translation in self._texts.items() if source.startswith(stem)]
            exact = [self._texts[text]] if text in self._texts else found
            self._patterns[text] = [re.compile(_pattern(translation, gap)) for translation in exact if stem]
        return self._patterns[text]


def _pattern(translation: str, gap: str) -> str:
    """What matches a text with its fields filled in.

    Args:
        translation: The text.
        gap: What matches its first field; whatever is there matches the others.
    """
    first, *others = (re.escape(part) for part in _FIELD.split(translation.replace("\xa0", " ")))
    return first + gap + ".+?".join(others) if others else first


def _texts_of(catalogue: gettext.NullTranslations) -> dict[str, str]:
    # Python's gettext offers no way to list a catalogue's texts; of plurals, the key holds the singular alone.
    texts: dict[str | tuple[str, int], str] = vars(catalogue)["_catalog"]
    plain = {key if isinstance(key, str) else key[0]: text for key, text in texts.items() if text}
    # Texts of the engine stand under a context, which gettext puts before an end-of-transmission character.
    return {key.rpartition("\x04")[2]: text for key, text in plain.items()}
