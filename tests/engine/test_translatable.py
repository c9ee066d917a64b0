"""What the engine says: English for all who do not ask, with what another language needs."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from engine.contracts.errors import EngineError, ImageReadError
from engine.machine.json_files import TRANSLATABLE, json_text, parse_json_object
from engine.runs.folder import Run
from engine.runs.store import RunStore
from engine.translatable import (
    Number,
    Translatable,
    count_of,
    fill_in,
    say,
    say_counted,
    say_joined,
    template_id,
)


def made_of(text: str) -> Translatable:
    """What `say` made, with its parts."""
    assert isinstance(text, Translatable)
    return text


def test_a_text_is_the_english_that_an_f_string_would_make() -> None:
    name, gain, count = "IMG {1}.png", -1234.5678, 1240
    text = say("“{name}” gained {gain:+,.2f} dB in {count:,} steps, {name!r}.", name=name, gain=gain, count=count)
    assert text == f"“{name}” gained {gain:+,.2f} dB in {count:,} steps, {name!r}."
    assert f"{text}" == text + "" == str(text)
    assert made_of(text).template == "“{name}” gained {gain} dB in {count} steps, {name}."


def test_values_keep_what_they_are() -> None:
    reason = say("{file} is not there.", file=Path("a.png"))
    text = say(
        "{share:.0%} of {whole}: {reason}", share=np.float32(0.25), whole=True, reason=ImageReadError(reason, "Look.")
    )
    assert {name: type(value) for name, value in made_of(text).values.items()} == {
        "share": Number,
        "whole": str,
        "reason": Translatable,
    }
    assert text == "25% of True: a.png is not there. Look."


@pytest.mark.parametrize(("number", "expected"), [(0, "0 photos"), (1, "1 photo"), (1240, "1,240 photos")])
def test_what_is_counted_has_both_forms(number: int, expected: str) -> None:
    text = made_of(count_of(number, "photo"))
    assert (text, text.template, text.plural, text.number) == (expected, "{number} photo", "{number} photos", number)
    sentence = say_counted("{photos} is gray.", "{photos} are gray.", number, photos=text)
    assert sentence == f"{expected} {'is' if number == 1 else 'are'} gray."


def test_joined_texts_keep_their_parts() -> None:
    first = say("{low:.1f} to {high:.1f}", low=0.25, high=2)
    joined = say_joined(part for part in (first, "", "Last."))
    assert joined == "0.2 to 2.0 Last."
    assert [type(value) for value in made_of(joined).values.values()] == [Translatable, str]
    assert say_joined([]) == ""
    assert say_joined(["a", "b"], " / ") == "a / b"


def test_an_error_is_its_message_and_hint_with_their_templates() -> None:
    error = EngineError(say("{file} is not there.", file="a.png"), "Look elsewhere.")
    again = pickle.loads(pickle.dumps(error))
    for each in (error, again):
        text = str(each)
        assert isinstance(text, Translatable)
        assert text == "a.png is not there. Look elsewhere."
        first = text.values["part_0"]
        assert isinstance(first, Translatable)
        assert first.template == "{file} is not there."


def test_copies_and_pickles_are_the_same() -> None:
    text = say_counted("{number} of {what}", "{number:,} of {what}", 1240, what=say("{n:.1f} dB", n=2))
    for again in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (again, vars(made_of(again))) == (text, vars(text))
        assert isinstance(made_of(again).values["number"], Number)


def test_a_json_file_gives_back_the_templates() -> None:
    text = say(
        "{photos} without {file}: {reason}", photos=count_of(3, "photo"), file="a.png", reason=say("{x:.2f}", x=1)
    )
    kept = json_text({"verdict": text, "rows": [{"reason": text}, "plain"], "path": Path("x")})
    again = parse_json_object(kept)
    assert again == {"verdict": text, "rows": [{"reason": text}, "plain"], "path": "x"}
    for each in (again["verdict"], again["rows"][0]["reason"]):
        assert vars(each) == vars(text)
        assert vars(each.values["photos"]) == vars(count_of(3, "photo"))
    assert TRANSLATABLE not in json_text({"verdict": "plain"})


@pytest.mark.parametrize(
    "parts",
    [
        None,
        7,
        "text",
        [],
        {"It is 3.": None},
        {"It is 3.": {"template": 3}},
        {"It is 3.": {"text": "It is 3.", "template": "It is {n}.", "values": []}},
        {"It is 3.": {"number": 3}},
        {"It is 3.": {"text": "It is 4.", "template": "It is {n}.", "values": {"n": "4"}}},
    ],
)
def test_damaged_parts_leave_english(parts: object) -> None:
    again = parse_json_object(json_text({"verdict": "It is 3.", TRANSLATABLE: parts}))
    assert again == {"verdict": "It is 3."}
    assert not isinstance(again["verdict"], Translatable)


def test_parts_nested_too_deeply_are_refused_as_any_such_file_is() -> None:
    parts = "{}"
    for _ in range(900):
        parts = '{"text": "a", "template": "b", "values": {"c": ' + parts + "}}"
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json_object('{"verdict": "a", "translatable": {"a": ' + parts + "}}")


def test_odd_values_in_parts_are_shown_as_they_are() -> None:
    parts = {
        "It.": {
            "text": "It.",
            "template": "{a}{b}",
            "values": {"a": 7, "b": {"number": None}},
            "plural": 1,
            "count": "x",
        }
    }
    text = parse_json_object(json_text({"verdict": "It.", TRANSLATABLE: parts}))["verdict"]
    assert isinstance(text, Translatable)
    assert (text, dict(text.values), text.plural, text.number) == ("It.", {"a": "", "b": ""}, "", 0)


def test_a_runs_record_keeps_what_was_said(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create("pretrain", "a run", {})
    verdict = say("Done: {percent} % picture.", percent=9)
    run.update(verdict=verdict, error=str(EngineError(say("{file} is not there.", file="a"), "Look.")))
    run.update(steps_done=3)
    record = Run(run.path).record
    assert (record.verdict, record.error) == ("Done: 9 % picture.", "a is not there. Look.")
    assert isinstance(record.verdict, Translatable)
    assert isinstance(record.error, Translatable)
    assert vars(record.verdict) == vars(verdict)
    run.update(error="")
    assert Run(run.path).record.error == ""


def test_formats_are_no_part_of_an_id_and_unknown_fields_stay() -> None:
    assert template_id("{a:,.1f} x {b!r}: {c}") == "{a} x {b}: {c}"
    assert fill_in("{a} {b} {}", {"a": "{b}"}) == "{b} {b} {}"
