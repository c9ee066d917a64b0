"""Finds the catalogue of the language that a person chose, and gives it to the window and to Qt."""

import gettext
import logging
import os
import struct
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from app.look.translation import install_catalogue
from engine.machine.shipped_files import shipped_folders

logger = logging.getLogger(__name__)

SYSTEM_LANGUAGE = "system"
ENGLISH = "en"
LANGUAGE_TITLES = {ENGLISH: "English", "de": "Deutsch"}
"""Each language in its own words, so that whoever lost the way finds back."""

_FILE = Path("LC_MESSAGES", "residua.mo")


def available_languages() -> tuple[str, ...]:
    """Return the codes of the languages that the window can speak, English first."""
    return (ENGLISH, *(code for code in LANGUAGE_TITLES if code != ENGLISH and _catalogue_file(code) is not None))


def language_of(choice: str) -> str:
    """Return the language that a choice means on this machine.

    Args:
        choice: A language's code, or "system".

    Returns:
        The code of a language that is there; English where the wanted one is not.
    """
    available = available_languages()
    if choice != SYSTEM_LANGUAGE:
        return choice if choice in available else ENGLISH
    wanted = (name.replace("_", "-").split("-")[0].lower() for name in QLocale.system().uiLanguages())
    return next((code for code in wanted if code in available), ENGLISH)


def use_language(choice: str, application: QCoreApplication) -> str:
    """Let the window and Qt's own dialogs speak a language; to be called before the first widget is made.

    Args:
        choice: A language's code, or "system".
        application: Keeps Qt's translator.

    Returns:
        The code of the language in use.
    """
    code = language_of(choice)
    install_catalogue(load_catalogue(code))
    # Numbers in fields, too, as the language writes them, whatever the system's.
    QLocale.setDefault(QLocale(code))
    if code != ENGLISH:
        translator = QTranslator(application)
        if translator.load(f"qtbase_{code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            application.installTranslator(translator)
    return code


def load_catalogue(code: str) -> gettext.NullTranslations:
    """Read a language's catalogue; English where it is missing or damaged."""
    path = _catalogue_file(code)
    if path is None:
        return gettext.NullTranslations()
    try:
        with path.open("rb") as file:
            return gettext.GNUTranslations(file)
    # A truncated file shows itself as any of these.
    except (OSError, ValueError, LookupError, struct.error) as error:
        logger.warning("The catalogue %s cannot be read: %s", path, error)
        return gettext.NullTranslations()


def _catalogue_file(code: str) -> Path | None:
    files = (folder / code / _FILE for folder in shipped_folders("translations"))
    return next((file for file in files if os.path.isfile(file)), None)
