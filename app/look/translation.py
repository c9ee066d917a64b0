"""The window's texts in the language that a person chose; English is what stands in the code.

Catalogues are gettext's, in `assets/translations` (`app.look.catalogues` finds them). `tr` is called when a text is
shown, never at import, when no language is chosen yet; tables made at import mark their texts with `mark` and are
translated where they are shown.

The engine knows no languages. What it says is translated where the window shows it, by `translate_engine`: the
catalogue holds the engine's sentences under a context of their own, those with something filled in as templates ("The
run {0} is still running."), which are recognised in the finished sentence and filled in anew.
"""

import gettext
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

ENGINE_CONTEXT = "engine"
"""gettext's context of what the engine says."""

_CONTEXT_SEPARATOR = "\x04"
_FIELD = re.compile(r"\{(\w*)\}")
_NUMBER = r"[+−-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?"
_UNIT = r"(?:[ \N{NO-BREAK SPACE}]?(?:%|dB|px|pixels|megapixels|levels|bytes|[kMGT]i?B|ms|s|min|h))?"
_QUANTITIES = re.compile(rf"{_NUMBER}{_UNIT}(?:(?: | to | x | × | / |/){_NUMBER}{_UNIT})*")
"""What is a number and nothing else, or numbers with their units: neither a version nor a file's name is one."""

_COUNTED = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+) ([a-z]+(?: [a-z]+)?)")
"""How the engine counts, such as "1,240 large photos"."""

_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?]) (?=\S)")


@dataclass(frozen=True)
class _Template:
    """A sentence of the engine with something filled in.

    Attributes:
        pattern: Matches the finished sentence; one group a field.
        fields: The fields' names, in the order of the groups.
        translation: The same in the chosen language, with the same names.
        fixed_length: How many characters are not filled in; of two that match, the one with more is meant.
    """

    pattern: re.Pattern[str]
    fields: tuple[str, ...]
    translation: str
    fixed_length: int

    def filled(self, values: Sequence[str]) -> str:
        """Return the translation with these values, given in the order of the groups."""
        by_name = dict(zip(self.fields, values, strict=True))
        return _FIELD.sub(lambda field: by_name[field.group(1)], self.translation)


class Catalogue(gettext.GNUTranslations):
    """The texts of one language, as read from a `.mo` file."""

    def engine_texts(self) -> dict[str, str]:
        """Return the engine's texts and templates with their translations."""
        start = ENGINE_CONTEXT + _CONTEXT_SEPARATOR
        # Python's gettext offers no way to list a catalogue's texts.
        texts: Mapping[str | tuple[str, int], str] = vars(self)["_catalog"]
        return {
            key.removeprefix(start): text
            for key, text in texts.items()
            if isinstance(key, str) and key.startswith(start) and text
        }


_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_engine_texts: dict[str, str] = {}
_engine_templates: tuple[_Template, ...] = ()


def install_catalogue(catalogue: gettext.NullTranslations) -> None:
    """Use a language from now on; what is shown already stays as it is.

    Args:
        catalogue: Its texts; `gettext.NullTranslations()` is English.
    """
    global _catalogue, _engine_texts, _engine_templates
    _catalogue = catalogue
    texts = catalogue.engine_texts() if isinstance(catalogue, Catalogue) else {}
    _engine_texts = {text: translation for text, translation in texts.items() if not _FIELD.search(text)}
    templates = (_template(text, translation) for text, translation in texts.items() if _FIELD.search(text))
    _engine_templates = tuple(sorted(templates, key=lambda template: -template.fixed_length))
    _translate_engine.cache_clear()


def tr(text: str) -> str:
    """Return a text in the chosen language.

    Args:
        text: English, a literal; named fields are filled in afterwards: `tr("{name} is damaged").format(name=…)`.
    """
    return _catalogue.gettext(text) if text else ""


def tr_count(singular: str, plural: str, number: int) -> str:
    """Return the form of a text that goes with a number.

    Args:
        singular: English for one: "{number} photo".
        plural: English for any other number: "{number} photos".
        number: How many.
    """
    return _catalogue.ngettext(singular, plural, number)


def mark(text: str) -> str:
    """Return the text itself; tells the extraction that it will be translated where it is shown."""
    return text


def mark_count(singular: str, plural: str) -> tuple[str, str]:
    """Return both forms; tells the extraction that `tr_count` is called with them where they are shown."""
    return singular, plural


def format_number(value: float, digits: int = 0) -> str:
    """Return a number with the language's decimal sign and thousands separator.

    Args:
        value: Any finite number.
        digits: How many digits stand behind the decimal sign.
    """
    return _in_language(f"{value:,.{digits}f}")


def signed_number(value: float, digits: int = 0) -> str:
    """Return a number as `format_number` does, with its sign."""
    return f"{'−' if value < 0 else '+'}{format_number(abs(value), digits)}"


def short_number(text: str) -> str:
    """Return a number that Python wrote, such as "-1,234.5", with the language's signs and a true minus.

    Every number that the window shows goes through here or through `format_number`.
    """
    return _in_language(text).replace("-", "−")


def plain_number(value: object) -> str:
    """Return a setting's value: a number with the language's signs, all else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return short_number(f"{value:,}" if isinstance(value, int) else str(value))


def read_number(text: str) -> float:
    """Return the number that a person wrote, in whatever language: a comma is a decimal sign, never one of thousands.

    Raises:
        ValueError: It is none.
    """
    return float(text.strip().replace(",", ".").replace("−", "-"))


def translate_engine(text: str) -> str:
    """Return what the engine says in the chosen language: titles, descriptions, messages, hints, verdicts.

    Args:
        text: English, as the engine made it, with names and numbers filled in. What the catalogue does not know, such
            as a text that is translated already, comes back as it is.
    """
    if not text or not (_engine_texts or _engine_templates):
        return text
    return _translate_engine(text)


@lru_cache(maxsize=2048)
def _translate_engine(text: str) -> str:
    whole = _find(text)
    if whole is not None:
        return whole
    # A verdict is often made of several sentences.
    sentences = _BETWEEN_SENTENCES.split(text)
    if len(sentences) < 2:
        return text
    found = [_find(sentence) for sentence in sentences]
    return " ".join(translation or sentence for translation, sentence in zip(found, sentences, strict=True))


def _find(text: str) -> str | None:
    exact = _engine_texts.get(text)
    if exact is not None:
        return exact
    for template in _engine_templates:
        match = template.pattern.fullmatch(text)
        if match:
            # A reason inside a message is the engine's own too; a single word may as well be a file's name.
            values = [_filled_in(value) for value in match.groups()]
            return template.filled(values)
    return None


def _filled_in(value: str) -> str:
    """Return what stands in an engine's sentence, in the chosen language."""
    if _QUANTITIES.fullmatch(value):
        return _in_language(value)
    counted = _COUNTED.fullmatch(value)
    if counted is not None:
        return _counted(counted[1], counted[2].removesuffix("s"), value)
    if " " not in value:
        return value
    translated = translate_engine(value)
    # A list of titles, of which the catalogue knows each by itself.
    return translated if translated != value else ", ".join(map(translate_engine, value.split(", ")))


def _counted(number: str, noun: str, whole: str) -> str:
    """Return so many of something, such as "1,240 photos", where the catalogue knows what is counted."""
    singular, plural = f"{{number}} {noun}", f"{{number}} {noun}s"
    text = tr_count(singular, plural, int(number.replace(",", "")))
    return whole if text in (singular, plural) else text.format(number=_in_language(number))


def _template(text: str, translation: str) -> _Template:
    parts = _FIELD.split(text)
    fixed, fields = parts[::2], tuple(parts[1::2])
    pattern = "(.+?)".join(re.escape(part) for part in fixed)
    return _Template(re.compile(pattern, re.DOTALL), fields, translation, sum(map(len, fixed)))


def _in_language(text: str) -> str:
    group, decimal = _number_signs()
    return text.replace(",", "\0").replace(".", decimal).replace("\0", group)


def _number_signs() -> tuple[str, str]:
    """Return what stands between thousands and before decimals; a language shows it by how it writes one number."""
    sample = tr("1,234.5")
    return sample[1:-5], sample[-2]
