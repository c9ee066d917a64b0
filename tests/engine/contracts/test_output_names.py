"""Patterns of output names: what is refused, what is filled in, what is recognised again."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.blending import Blend
from engine.contracts.output_names import DEFAULT_PATTERN, NameReader, NameValues, check_pattern, fill_pattern

VALUES = NameValues(model="starter · night/day?", task="denoise", blend=Blend.even(0.805), day=date(2026, 11, 24))


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("restored", "{name} is missing"),
        ("{name}_{camera}", "{camera} is not known"),
        ("{name", "left open"),
        ("{name}}", "left open"),
        ("{}{name}", "{} is not known"),
        ("sub/{name}", "cannot hold '/'"),
        ("{name}:x", "cannot hold ':'"),
        (".{name}", "begin or end"),
        ("{name} ", "begin or end"),
        ("", "{name} is missing"),
    ],
)
def test_patterns_that_give_no_names_are_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("{", r"\{").replace("}", r"\}")):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (DEFAULT_PATTERN, "DSC 1_restored"),
        ("{date} {name}", "2026-11-24 DSC 1"),
        ("{name} ({model}, {task}, {strength} %)", "DSC 1 (starter · night-day-, denoise, 80 %)"),
        ("{name}{name}", "DSC 1DSC 1"),
    ],
)
def test_fields_are_filled_in(pattern: str, expected: str) -> None:
    check_pattern(pattern)
    assert fill_pattern(pattern, "DSC 1", VALUES) == expected


@given(
    name=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
    pattern=st.sampled_from([DEFAULT_PATTERN, "{name}", "{date} {name}", "{model}_{name}_{strength}", "x{name}"]),
    number=st.sampled_from(["", "_2", "_13"]),
    day=st.dates(),
    blend=st.sampled_from([Blend(), Blend.even(0.4), Blend(luminance=0.4, detail=0.25)]),
)
def test_a_result_is_found_by_its_name_whatever_was_filled_in(
    name: str, pattern: str, number: str, day: date, blend: Blend
) -> None:
    values = NameValues(model="another_model", task="sr2", blend=blend, day=day)
    stem = fill_pattern(pattern, name, values) + number
    assert name in set(NameReader(pattern, replace(values, day=date(2020, 2, 2))).names_of(stem))


def test_an_uneven_blend_is_named_by_its_three_shares() -> None:
    values = replace(VALUES, blend=Blend(luminance=0.4, detail=0.25))
    assert fill_pattern("{name}_{strength}", "a", values) == "a_40-100-25"


def test_other_names_are_not_results() -> None:
    assert list(NameReader(DEFAULT_PATTERN).names_of("a_restore")) == []
    assert list(NameReader("{date} {name}").names_of("a")) == []
    assert NameReader(DEFAULT_PATTERN).is_telling
    assert not NameReader("{name}_{model}").is_telling
