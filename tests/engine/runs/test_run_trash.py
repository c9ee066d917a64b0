"""The trash of runs: what was deleted can come back for a while, and then goes for good."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.contracts.errors import RunStoreError
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore
from engine.runs.trash import list_deleted, remove_expired, remove_for_good


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def ended_run(store: RunStore, name: str) -> Run:
    run = store.create("pretrain", name, {})
    run.update(status=RunStatus.DONE)
    return run


def test_what_was_deleted_is_listed_with_its_name_time_and_size(store: RunStore) -> None:
    assert list_deleted(store) == ()
    run = ended_run(store, "Holiday")
    (run.checkpoint_folder / "model.safetensors").write_bytes(b"x" * 5000)
    before = datetime.now(UTC) - timedelta(seconds=1)
    token = store.delete(run)
    [deleted] = list_deleted(store)
    assert (deleted.token, deleted.name) == (token, "Holiday")
    assert before <= deleted.deleted <= datetime.now(UTC)
    assert deleted.num_bytes > 5000
    back = store.restore_deleted(token)
    assert back.record.deleted == ""
    assert list_deleted(store) == ()


def test_only_what_is_old_is_removed(store: RunStore) -> None:
    tokens = [store.delete(ended_run(store, name)) for name in ("old", "new")]
    now = datetime.now(UTC)
    trashed = Run(store.root / ".deleted" / tokens[0])
    trashed.update(deleted=(now - timedelta(days=31)).isoformat())
    assert remove_expired(store, 0, now) == 0
    assert remove_expired(store, 90, now) == 0
    assert remove_expired(store, 30, now) == 1
    assert [run.name for run in list_deleted(store)] == ["new"]
    with pytest.raises(RunStoreError, match="for good"):
        remove_for_good(store, tokens[0])
    assert remove_expired(store, 30, now + timedelta(days=31)) == 1


def test_a_damaged_run_in_the_trash_is_listed_and_can_go(store: RunStore) -> None:
    token = store.delete(ended_run(store, "Holiday"))
    (store.root / ".deleted" / token / "run.json").write_text("{")
    [deleted] = list_deleted(store)
    assert deleted.name == token
    remove_for_good(store, token)
    assert list_deleted(store) == ()


@pytest.mark.parametrize("token", ["", ".", "..", "../other", "/etc", "missing"])
def test_nothing_outside_the_trash_is_removed(store: RunStore, token: str) -> None:
    other = ended_run(store, "Holiday")
    store.delete(ended_run(store, "Gone"))
    (store.root / "other").mkdir()
    with pytest.raises(RunStoreError):
        remove_for_good(store, token)
    assert other.path.is_dir()
    assert (store.root / "other").is_dir()
    assert len(list_deleted(store)) == 1


def test_a_link_in_the_trash_is_left_alone(store: RunStore, tmp_path: Path) -> None:
    store.delete(ended_run(store, "Gone"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (store.root / ".deleted" / "link").symlink_to(outside, target_is_directory=True)
    with pytest.raises(RunStoreError):
        remove_for_good(store, "link")
    assert remove_expired(store, 1, datetime.now(UTC) + timedelta(days=9)) == 1
    assert outside.is_dir()


def test_a_run_that_is_removed_while_the_trash_is_read_is_not_listed(store: RunStore) -> None:
    """As the dialog of deleted runs does, in a thread of its own, while runs are removed or brought back."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            try:
                list_deleted(store)
            except OSError as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(25):
        run = ended_run(store, f"Run {number}")
        for index in range(30):
            (run.preview_folder / f"step_{index:06}.png").write_bytes(b"x")
        remove_for_good(store, store.delete(run))
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert list_deleted(store) == ()
