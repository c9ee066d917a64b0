"""What the engine says to a person: English that carries what another language needs to say the same.

The engine knows no languages. A sentence with something filled in is made by `say`, and is an ordinary `str` to all
who do not ask: command line, logs, files. The window looks its template up in a catalogue and fills it in anew, so
no finished sentence has to be recognised. A sentence with nothing filled in is its own template and stays a literal.

What an f-string, `+` or `str.join` makes of such texts is English alone: `say` and `say_joined` keep their parts.
"""

import re
from collections.abc import Iterable, Mapping
from numbers import Real
from string import Formatter
from typing import Annotated, Any, cast

_FIELD = re.compile(r"\{(\w+)\}")


class Number(str):
    """A number, as English writes it: "1,240.5"."""


class Translatable(str):
    """An English text, with the template that it was made of and what was filled in.

    Attributes:
        template: With named fields, without their formats: "The run “{run}” is still running." What a catalogue knows.
        values: By field. A `Number` is written as the language writes it, a `Translatable` is translated, and any
            other text, such as a file's name, stays as it is.
        plural: The template for any number but one; empty where nothing is counted.
        number: How many there are, where something is counted.
    """

    template: str
    values: Mapping[str, str]
    plural: str
    number: int

    def __new__(  # noqa: D102 - only `say` and its like make them
        cls, text: str, template: str = "", values: Mapping[str, str] | None = None, plural: str = "", number: int = 0
    ) -> "Translatable":
        made = super().__new__(cls, text)
        made.template, made.values, made.plural, made.number = template or text, dict(values or {}), plural, number
        return made

    def __str__(self) -> str:
        # `str` would hand out a plain copy: `str(error)` and `say(..., reason=error)` keep the template.
        return self


class _KeptTranslatable:
    """What tells pydantic, where that is there, to let a `Translatable` be; this module needs nothing but Python."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_wrap_validator_function(
            lambda value, read: value if isinstance(value, Translatable) else read(value), handler(source)
        )


TranslatableField = Annotated[str, _KeptTranslatable()]
"""A text of a pydantic model that may be a `Translatable`, which pydantic would make a plain text of."""


def say(template: str, /, **values: object) -> str:
    """Fill in a text; what is returned is a `Translatable`, which an author need not know.

    Args:
        template: English, a literal, with named fields that may have formats: "{gain:+.1f} dB". A catalogue knows it
            without the formats, see `template_id`.
        values: By field. Numbers, texts, errors, paths; another text of the engine keeps its translation.
    """
    return _filled(template, values)


def say_counted(singular: str, plural: str, /, number: int, **values: object) -> str:
    """Fill in the text that goes with a number.

    Args:
        singular: For one: "{number} photo is used."
        plural: For any other number: "{number:,} photos are used."
        number: How many; the field of this name.
        values: As for `say`.
    """
    made = _filled(singular if number == 1 else plural, {"number": number, **values})
    return Translatable(made, template_id(singular), made.values, template_id(plural), int(number))


def count_of(number: int, noun: str) -> str:
    """Return "1 photo", "1,240 photos".

    Args:
        number: How many.
        noun: Of one, a literal, which English makes plural by an s: "large photo".
    """
    return say_counted(*counted_forms(noun), number)


def counted_forms(noun: str) -> tuple[str, str]:
    """Return what `count_of` says of one and of several."""
    return f"{{number:,}} {noun}", f"{{number:,}} {noun}s"


def say_joined(parts: Iterable[object], separator: str = " ") -> str:
    """Put texts behind each other, empty ones left out, as `separator.join` does."""
    values = {f"part_{index}": part for index, part in enumerate(part for part in parts if part)}
    return _filled(separator.join(f"{{{name}}}" for name in values), values)


def template_id(template: str) -> str:
    """Return a template as catalogues know it: without the formats of its fields."""
    return "".join(
        literal if field is None else f"{literal}{{{field}}}" for literal, field, *_ in Formatter().parse(template)
    )


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Return a template of a catalogue with its fields filled in; a field without a value stays."""
    return _FIELD.sub(lambda field: values.get(field[1], field[0]), template)


def translatable_parts(content: object) -> dict[str, Any]:
    """Return what a JSON file needs beside its English texts so that `restored_texts` can find their templates again.

    Args:
        content: Plain values, nested in any way; texts without a template add nothing.

    Returns:
        By text.
    """
    found: dict[str, Any] = {}
    open_values = [content]
    while open_values:
        value = open_values.pop()
        if isinstance(value, Translatable):
            found[str.__str__(value)] = _parts(value)
        elif isinstance(value, Mapping):
            open_values += value.values()
        elif isinstance(value, list | tuple):
            open_values += value
    return found


def restored_texts(content: object, parts: object) -> Any:
    """Return a JSON file's content with each text that has parts as the `Translatable` that it was.

    Args:
        content: As read.
        parts: What `translatable_parts` gave. Whatever is not as it gave it is passed over: then the text is English.
    """
    if isinstance(content, dict):
        return {key: restored_texts(value, parts) for key, value in content.items()}
    if isinstance(content, list):
        return [restored_texts(value, parts) for value in content]
    if isinstance(content, str) and isinstance(parts, dict) and content in parts:
        made = _from_parts(content, parts[content])
        return made if made == content else content
    return content


def _filled(template: str, values: Mapping[str, object]) -> Translatable:
    """Fill in, and keep what was filled in as it stands there."""
    text, used = [], {}
    for literal, field, form, conversion in Formatter().parse(template):
        text.append(literal)
        if field is not None:
            used[field] = _value(values[field], (form or "").format_map(values), conversion)
            text.append(used[field])
    return Translatable("".join(text), template_id(template), used)


def _value(value: object, form: str, conversion: str | None) -> str:
    if isinstance(value, Real) and not isinstance(value, bool):
        return Number(format(value, form))
    if conversion == "r":
        return repr(value)
    if form:
        return format(value, form)
    return value if isinstance(value, str) else str(value)


def _parts(text: str) -> object:
    if isinstance(text, Number):
        return {"number": str.__str__(text)}
    if not isinstance(text, Translatable):
        return text
    parts: dict[str, object] = {"text": str.__str__(text), "template": text.template}
    parts["values"] = {name: _parts(value) for name, value in text.values.items()}
    if text.plural:
        parts |= {"plural": text.plural, "count": text.number}
    return parts


def _from_parts(text: str, parts: object) -> str:
    """A text from its parts; the plain text where they are damaged."""
    if not isinstance(parts, dict):
        return parts if isinstance(parts, str) else text
    if isinstance(parts.get("number"), str):
        return Number(parts["number"])
    values, template, plural, number = (parts.get(key) for key in ("values", "template", "plural", "count"))
    english = parts.get("text")
    if not (isinstance(english, str) and isinstance(template, str) and isinstance(values, dict)):
        return text
    return Translatable(
        english,
        template,
        {str(name): _from_parts("", value) for name, value in cast(dict[Any, object], values).items()},
        plural if isinstance(plural, str) and isinstance(number, int) else "",
        number if isinstance(number, int) else 0,
    )
