"""Numbers in plain words: counts, durations, times left."""

from datetime import datetime

NO_BREAK = "\N{NO-BREAK SPACE}"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return "1 photo", "212 photos", "1,240 photos"."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,}{NO_BREAK}{noun}"


def duration(seconds: float) -> str:
    """Return "under 1 s", "8 s", "1 min 20 s", "12 min", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 1:
        return f"under 1{NO_BREAK}s"
    if whole < 60:
        return f"{whole}{NO_BREAK}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10 and rest:
        return f"{minutes}{NO_BREAK}min {rest}{NO_BREAK}s"
    if minutes < 60:
        return f"{round(whole / 60)}{NO_BREAK}min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours}{NO_BREAK}h {minutes}{NO_BREAK}min" if minutes else f"{hours}{NO_BREAK}h"


def rough_minutes(minutes: float) -> str:
    """Return an estimate, no more exact than it is: "about 4 min", "about 1½ min", "about 2 h"."""
    if minutes < 0.75:
        return "under a minute"
    if minutes < 2:
        halves = round(minutes * 2) / 2
        return f"about {'1½' if halves == 1.5 else f'{halves:.0f}'}{NO_BREAK}min"
    if minutes < 90:
        return f"about {minutes:.0f}{NO_BREAK}min"
    return f"about {minutes / 60:.0f}{NO_BREAK}h"


def time_left(seconds: float | None) -> str:
    """Return "40 s left", "3 min left", "1 h 20 min left"; "" while unknown.

    Rounded so that the text stands still for a while.
    """
    if seconds is None:
        return ""
    if seconds < 5:
        return "a moment left"
    if seconds < 55:
        return f"{5 * round(seconds / 5)}{NO_BREAK}s left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes}{NO_BREAK}min left"
    hours, minutes = divmod(5 * round(minutes / 5), 60)
    return f"{hours}{NO_BREAK}h {minutes}{NO_BREAK}min left" if minutes else f"{hours}{NO_BREAK}h left"


def decibels(value: float) -> str:
    """Return "31.52 dB"."""
    return f"{value:.2f}{NO_BREAK}dB"


def signed_decibels(value: float) -> str:
    """Return "+1.25 dB" or "−0.30 dB"."""
    return f"{'−' if value < 0 else '+'}{abs(value):.2f}{NO_BREAK}dB"


def date_and_time(iso_time: str) -> str:
    """Return an ISO 8601 time in local time, short: "2025-11-23 14:05"; the text itself if it is none."""
    try:
        return f"{datetime.fromisoformat(iso_time).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return iso_time
