"""How a value is written on its file's own scale."""

from app.look.translation import short_number

_WHOLE_TOLERANCE = 0.02
"""Of a level: more than single precision loses of 16 bits, less than anyone would write down."""


def is_whole(level: float) -> bool:
    """Whether a value is one of the file's levels, rather than between two."""
    return abs(level - round(level)) <= _WHOLE_TOLERANCE


def level_text(level: float, *, is_float: bool = False) -> str:
    """Write a value in the numbers of its file; one between two whole ones, as unsaved pictures have, keeps a digit.

    Args:
        level: 0 to 255, 0 to 65535, or of another type; negative in differences.
        is_float: Whether the file holds floating-point numbers, of which six digits are written.
    """
    if is_float:
        return short_number(f"{level:.6g}")
    rounded = round(level) if is_whole(level) else round(level, 1)
    return short_number(str(rounded)) if rounded else "0"
