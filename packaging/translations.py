"""Keeps the window's catalogues in step with the code; what is missing in a language is said.

    python packaging/translations.py update     texts of the code into every .po, then compile
    python packaging/translations.py compile    .po to .mo
    python packaging/translations.py check      what is not translated, or with other {fields}
    python packaging/translations.py init fr    begin a language

Needs Babel (`pip install "residua[test]"`). Texts of `app` are what `tr`, `tr_count`, `mark` and `mark_count` are
called with; those of `engine` are collected by `engine_texts` and stand under the context "engine".
"""

import argparse
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from engine_texts import engine_texts

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "assets" / "translations"
KEYWORDS = {"tr": None, "mark": None, "tr_count": (1, 2), "mark_count": (1, 2), "ActionSpec": (1,)}
ENGINE_CONTEXT = "engine"

_FIELD = re.compile(r"\{[^{}]*\}")
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_DATES = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Language-Team|Report-Msgid-Bugs-To):.*\n',
    re.MULTILINE,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("update", "compile", "check", "init"))
    parser.add_argument("language", nargs="?", help="for init: its code")
    arguments = parser.parse_args()
    if arguments.command == "init":
        if not arguments.language:
            parser.error("init needs the language's code")
        path = po_file(arguments.language)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_catalogue(path, updated(new_catalogue(arguments.language), extract()))
    problems = 0
    for code in languages():
        if arguments.command == "update":
            write_catalogue(po_file(code), updated(read_catalogue(code), extract()))
        if arguments.command != "check":
            mo_file(code).write_bytes(compiled(read_catalogue(code)))
        found = list(complaints(read_catalogue(code), extract()))
        print(*found, f"{code}: {len(found)} to do", sep="\n")
        problems += len(found)
    return 1 if problems and arguments.command == "check" else 0


def languages() -> list[str]:
    """The codes of the languages that there is a catalogue for."""
    return sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/residua.po"))


def po_file(code: str) -> Path:
    """What translators edit."""
    return FOLDER / code / "LC_MESSAGES" / "residua.po"


def mo_file(code: str) -> Path:
    """What the program reads."""
    return po_file(code).with_suffix(".mo")


def extract() -> Catalog:
    """All texts of the code, in English."""
    catalogue = Catalog(charset="utf-8")
    # Sorted: the file system's own order would differ from one machine to the next.
    found = extract_from_dir(ROOT / "app", method_map=[("**.py", "python")], keywords=KEYWORDS)
    for name, _, text, _, context in sorted(found, key=lambda row: (row[0], row[1])):
        catalogue.add(text, context=context, locations=[(f"app/{Path(name).as_posix()}", 1)])
    for text, files in engine_texts(ROOT).items():
        catalogue.add(text, context=ENGINE_CONTEXT, locations=[(file, 1) for file in files])
    return catalogue


def updated(catalogue: Catalog, template: Catalog) -> Catalog:
    """The catalogue with the texts of the code: new ones empty, gone ones forgotten, no guesses."""
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def read_catalogue(code: str) -> Catalog:
    """Read a language's texts."""
    with po_file(code).open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def write_catalogue(path: Path, catalogue: Catalog) -> None:
    """Write a language's texts, without line numbers and dates, so that a change shows as what it is."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=120, include_lineno=False, sort_by_file=True)
    path.write_bytes(_DATES.sub(b"", buffer.getvalue()))


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as the program reads it; without the time, so that the same texts give the same bytes."""
    plain = new_catalogue(str(catalogue.locale))
    for message in catalogue:
        if message.id and is_translated(message):
            plain.add(message.id, message.string, context=message.context)
    buffer = io.BytesIO()
    write_mo(buffer, plain)
    return buffer.getvalue()


def new_catalogue(code: str) -> Catalog:
    """An empty catalogue."""
    return Catalog(
        locale=code,
        header_comment="# Texts of Residua; packaging/translations.py keeps them in step with the code.",
        project="Residua",
        version="1",
        copyright_holder="the Residua authors",
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        charset="utf-8",
        fuzzy=False,
    )


def is_translated(message: Message) -> bool:
    """Tell whether every form of a text is there, and no guess."""
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(forms) and not message.fuzzy


def complaints(catalogue: Catalog, template: Catalog) -> Iterator[str]:
    """Yield what is missing or wrong in a language."""
    for message in template:
        if not message.id:
            continue
        translated = catalogue.get(message.id, message.context)
        if translated is None or not is_translated(translated):
            yield f"not translated: {message.id!r} ({message.context or 'window'})"
        elif wrong_fields(translated):
            yield f"other fields: {message.id!r}: {', '.join(sorted(wrong_fields(translated)))}"


def wrong_fields(message: Message) -> set[str]:
    """The {fields} that only one of a text and its translation has.

    What the engine fills in may be left out: a language may need no word where English has one.
    """
    texts = message.id if isinstance(message.id, tuple | list) else (message.id,)
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    # The form for one thing may do without its number.
    wanted = set(_FIELD.findall(texts[-1]))
    wrong: set[str] = set()
    for form in forms:
        has = set(_FIELD.findall(form))
        wrong |= has - wanted
        if message.context != ENGINE_CONTEXT and (len(forms) == 1 or form is forms[-1]):
            wrong |= wanted - has
    return wrong


if __name__ == "__main__":
    sys.exit(main())
