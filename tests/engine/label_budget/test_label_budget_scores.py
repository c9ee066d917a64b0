"""The scores of an experiment as files: read again, refused when they belong elsewhere, and never trusted."""

from pathlib import Path

import pytest

from engine.contracts.errors import InvalidInputError
from engine.label_budget.scores import Score, ScoreFolder

SETTINGS = {"steps": 4, "training": {"width": 8}}
SCORE = '"labels": [], "seconds": 1, "metrics": {}'


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    folder = ScoreFolder(tmp_path)
    assert folder.find("rcl", SETTINGS) is None
    folder.begin("rcl", SETTINGS)
    assert folder.find("rcl", SETTINGS) is None
    score = Score(photos={}, labels=("a.png",), steps=4, seconds=1.5, metrics={"loss": 0.25})
    folder.keep("rcl", SETTINGS, score)
    assert folder.find("rcl", SETTINGS) == score
    with pytest.raises(InvalidInputError, match=r"rcl: width\)"):
        folder.find("rcl", {**SETTINGS, "training": {"width": 16}})
    with pytest.raises(InvalidInputError, match=r"rcl: unfitted\)"):
        folder.find("rcl", {**SETTINGS, "unfitted": None})


@pytest.mark.parametrize(
    "content",
    [
        '{"schema_version": 1, "settings": SETTINGS, "score": {"photos": [1], "steps": 4, SCORE}}',
        '{"schema_version": 1, "settings": SETTINGS, "score": {"photos": {}, "steps": Infinity, SCORE}}',
        '{"schema_version": 1, "settings": SETTINGS, "score": {"photos": {}, "steps": 4}}',
        '{"schema_version": 2}',
        '{"schema_version": 1, "settings": [1]}',
        '{"schema_version": 1, "settings": {"training": 3}}',
        "{ half",
    ],
)
def test_a_damaged_score_is_a_sentence(tmp_path: Path, content: str) -> None:
    settings = '{"steps": 4, "training": {"width": 8}}'
    (tmp_path / "rcl.json").write_text(content.replace("SETTINGS", settings).replace("SCORE", SCORE))
    with pytest.raises(InvalidInputError, match="is damaged") as refusal:
        ScoreFolder(tmp_path).find("rcl", SETTINGS)
    assert "done again" in refusal.value.hint
