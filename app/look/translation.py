"""The window's texts in the language that a person chose; English is what stands in the code.

Catalogues are gettext's, in `assets/translations` (`app.look.catalogues` finds them). `tr` is called when a text is
shown, never at import, when no language is chosen yet; tables made at import mark their texts with `mark` and are
translated where they are shown.

The engine knows no languages. What it says is translated where the window shows it, by `translate_engine`: the
catalogue holds the engine's sentences under a context of their own, those with something filled in as templates ("The
run “{name}” is still running."), which a text of `engine.translatable` carries with it.
"""

import gettext

from engine.translatable import Number, Translatable, fill_in

ENGINE_CONTEXT = "engine"
"""gettext's context of what the engine says."""

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def install_catalogue(catalogue: gettext.NullTranslations) -> None:
    """Use a language from now on; what is shown already stays as it is.

    Args:
        catalogue: Its texts; `gettext.NullTranslations()` is English.
    """
    global _catalogue
    _catalogue = catalogue


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
        text: As the engine made it. What the catalogue does not know, such as a text that is translated already, comes
            back as it is.
    """
    if not isinstance(text, Translatable):
        return _catalogue.pgettext(ENGINE_CONTEXT, text) if text else ""
    if text.plural:
        template = _catalogue.npgettext(ENGINE_CONTEXT, text.template, text.plural, text.number)
    else:
        template = _catalogue.pgettext(ENGINE_CONTEXT, text.template)
    return fill_in(template, {field: _filled_in(value) for field, value in text.values.items()})


def _filled_in(value: str) -> str:
    """Return what stands in an engine's text, in the chosen language."""
    if isinstance(value, Number):
        return _in_language(value)
    # A reason or a title without anything filled in is its own template; a single word may as well be a file's name.
    return translate_engine(value) if isinstance(value, Translatable) or " " in value else value


def _in_language(text: str) -> str:
    group, decimal = _number_signs()
    return text.replace(",", "\0").replace(".", decimal).replace("\0", group)


def _number_signs() -> tuple[str, str]:
    """Return what stands between thousands and before decimals; a language shows it by how it writes one number."""
    sample = tr("1,234.5")
    return sample[1:-5], sample[-2]
