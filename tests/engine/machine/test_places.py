"""Where the program keeps what: people's files are found by these names, in whatever version."""

import sys
from pathlib import Path

import pytest

from engine.contracts.errors import RunStoreError
from engine.machine.places import Place

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="its variables move such folders on Linux alone")

BELOW_ONE_FOLDER = {
    Place.RUNS: "runs",
    Place.SAMPLE_PHOTOS: "sample photos",
    Place.DEMONSTRATIONS: "demonstrations",
    Place.ALIGNED_REFERENCES: "aligned",
    Place.BLIND_VOTES: "blind votes.json",
    Place.BACKENDS: "backends",
    Place.COMPARISON_PICTURES: "comparison pictures",
    Place.DECODED_PHOTOS: "cache/decoded photos",
    Place.MEASURED_PHOTOS: "cache/measured_photos.json",
    Place.EXAMINED_PAIRS: "cache/examined_pairs.json",
    Place.SEEN_RESULTS: "cache/seen_results.json",
    Place.THUMBNAILS: "cache/thumbnails",
    Place.SETTINGS: "settings.json",
    Place.LOGS: "logs",
}


def test_everything_lies_below_the_folder_that_was_named(user_data: Path) -> None:
    assert {place: place.path() for place in Place} == {
        place: user_data / name for place, name in BELOW_ONE_FOLDER.items()
    }


@on_linux
def test_else_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RESIDUA_DATA")
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    assert all(place.path().is_absolute() and "Residua" in str(place.path()) for place in Place)
    roots = {place: place.path().relative_to(tmp_path).parts[0] for place in Place}
    elsewhere = {Place.THUMBNAILS: "cache", Place.SETTINGS: "config", Place.LOGS: "state"}
    assert roots == {place: elsewhere.get(place, "data") for place in Place}
    assert Place.DECODED_PHOTOS.path() == tmp_path / "data/Residua/cache/decoded photos"


@on_linux
def test_without_a_home_all_lies_beside_the_runs_or_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RESIDUA_DATA", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    # As where nobody knows of the user's home.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(RunStoreError, match="no home folder"):
        Place.SETTINGS.path()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Place.SETTINGS.path() == tmp_path / "Residua/settings.json"
    assert Place.THUMBNAILS.path() == tmp_path / "Residua/cache/thumbnails"
