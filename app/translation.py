"""The window's texts in the language that a person chose; English is what stands in the code.

Catalogues are gettext's, in `assets/translations`. `tr` is called when a text is shown, never at import, when no
language is chosen yet; tables made at import mark their texts with `mark` and are translated where they are shown.
"""

import gettext

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
