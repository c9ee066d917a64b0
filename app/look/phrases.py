"""Numbers in plain words: counts, durations, times left."""

from datetime import datetime

from app.look.translation import format_number, mark_count, signed_number, tr, tr_count

NO_BREAK = "\N{NO-BREAK SPACE}"

_NOUNS = {
    "photo": mark_count("{number} photo", "{number} photos"),
    "page": mark_count("{number} page", "{number} pages"),
    "file": mark_count("{number} file", "{number} files"),
    "large photo": mark_count("{number} large photo", "{number} large photos"),
    "step": mark_count("{number} step", "{number} steps"),
    "pair": mark_count("{number} pair", "{number} pairs"),
    "reference": mark_count("{number} reference", "{number} references"),
    "clean reference": mark_count("{number} clean reference", "{number} clean references"),
    "label": mark_count("{number} label", "{number} labels"),
    "run": mark_count("{number} run", "{number} runs"),
}
"""What is counted; a noun that is not here stays English."""


def number(value: float, digits: int = 0) -> str:
    """Return "1,240" or "31.52", as the language writes it."""
    return format_number(value, digits)


def count(number: int, singular: str, plural: str = "") -> str:
    """Return "1 photo", "212 photos", "1,240 photos"."""
    known = _NOUNS.get(singular)
    if known is not None and not plural:
        text = tr_count(*known, number)
    else:
        text = "{number} " + (singular if number == 1 else plural or f"{singular}s")
    return text.format(number=format_number(number)).replace(" ", NO_BREAK, 1)


def duration(seconds: float) -> str:
    """Return "under 1 s", "8 s", "1 min 20 s", "12 min", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 1:
        return tr("under {time}").format(time=f"1{NO_BREAK}s")
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
        return tr("under a minute")
    if minutes < 2:
        halves = round(minutes * 2) / 2
        time = f"{'1½' if halves == 1.5 else round(halves)}{NO_BREAK}min"
    elif minutes < 90:
        time = f"{round(minutes)}{NO_BREAK}min"
    else:
        time = f"{round(minutes / 60)}{NO_BREAK}h"
    return tr("about {time}").format(time=time)


def time_left(seconds: float | None) -> str:
    """Return "40 s left", "3 min left", "1 h 20 min left"; "" while unknown.

    Rounded so that the text stands still for a while.
    """
    if seconds is None:
        return ""
    if seconds < 5:
        return tr("a moment left")
    minutes = max(1, round(seconds / 60))
    hours, rest = divmod(5 * round(minutes / 5), 60)
    if seconds < 55:
        time = f"{5 * round(seconds / 5)}{NO_BREAK}s"
    elif minutes < 60:
        time = f"{minutes}{NO_BREAK}min"
    else:
        time = f"{hours}{NO_BREAK}h {rest}{NO_BREAK}min" if rest else f"{hours}{NO_BREAK}h"
    return tr("{time} left").format(time=time)


def decibels(value: float) -> str:
    """Return "31.52 dB"."""
    return f"{format_number(value, 2)}{NO_BREAK}dB"


def signed_decibels(value: float) -> str:
    """Return "+1.25 dB" or "−0.30 dB"."""
    return f"{signed_number(value, 2)}{NO_BREAK}dB"


def percent(share: float) -> str:
    """Return "62 %" for 0.62."""
    return f"{format_number(100 * share)}{NO_BREAK}%"


def file_size(num_bytes: int) -> str:
    """Return "340 kB", "1.4 MB", "2.1 GB"; a thousand bytes are a kilobyte."""
    if num_bytes < 1_000_000:
        return f"{format_number(max(1, round(num_bytes / 1000)))}{NO_BREAK}kB"
    if num_bytes < 1_000_000_000:
        return f"{format_number(num_bytes / 1e6, 1)}{NO_BREAK}MB"
    return f"{format_number(num_bytes / 1e9, 1)}{NO_BREAK}GB"


def date_and_time(iso_time: str) -> str:
    """Return an ISO 8601 time in local time, short: "2025-11-23 14:05"; the text itself if it is none."""
    try:
        return f"{datetime.fromisoformat(iso_time).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return iso_time
