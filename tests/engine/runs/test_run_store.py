"""The run store: what a run folder holds, and what survives crashes, kills and other versions."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.configs import PretrainConfig
from engine.contracts.errors import InvalidInputError, RunStoreError
from engine.machine import process_identity
from engine.machine.places import Place
from engine.runs import metrics_file
from engine.runs.records import RunStatus
from engine.runs.store import Run, RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def start_run(store: RunStore, name: str = "Holiday 2025") -> Run:
    return store.create("pretrain", name, PretrainConfig(photos=(Path("photos"),)), steps_total=100)


def change_record(run: Run, **fields: object) -> None:
    path = run.path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_default_folder_follows_the_environment(user_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Place.RUNS.path() == user_data / "runs"
    assert RunStore().root == user_data / "runs"
    monkeypatch.delenv("RESIDUA_DATA")
    assert Place.RUNS.path().name == "runs"
    assert "Residua" in str(Place.RUNS.path())


def test_a_new_run_is_complete_and_belongs_to_this_process(store: RunStore) -> None:
    run = start_run(store)
    assert run.path.parent == store.root
    assert run.path.name.endswith("_pretrain_holiday-2025")
    assert run.record.id == run.path.name
    assert run.record.status == RunStatus.RUNNING
    assert run.record.steps_total == 100
    assert {"residua", "torch"} <= set(run.record.versions)
    assert run.config()["photos"] == ["photos"]
    assert all(folder.is_dir() for folder in (run.checkpoint_folder, run.preview_folder))
    assert PretrainConfig.model_validate(run.config()).photos == (Path("photos"),)


@pytest.mark.parametrize("name", ["", "   ", "..", "../../etc/passwd", "a/b\\c:d", "con.", "写真 ß", "x" * 500, "\0"])
def test_no_name_leads_out_of_the_store(store: RunStore, name: str) -> None:
    run = start_run(store, name)
    assert run.path.parent == store.root
    assert len(run.path.name.encode()) < 200
    assert store.open(run.record.id).path == run.path


def test_runs_of_one_second_get_folders_of_their_own(store: RunStore) -> None:
    assert len({start_run(store).path for _ in range(4)}) == 4
    assert len(store.list()) == 4


def test_an_explicit_folder_is_used_if_empty(store: RunStore, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "my run"
    run = store.create("finetune", "x", {"steps": 3}, path=folder)
    assert run.path == folder
    assert store.open(folder).config() == {"steps": 3}
    with pytest.raises(InvalidInputError, match="not empty"):
        store.create("finetune", "x", {}, path=folder)
    with pytest.raises(InvalidInputError, match="is a file"):
        store.create("finetune", "x", {}, path=folder / "run.json")


def test_an_unwritable_root_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match="cannot be written"):
        start_run(RunStore(tmp_path / "file" / "runs"))


def test_updates_from_several_threads_all_arrive(store: RunStore) -> None:
    run = start_run(store)
    renamer = store.open(run.path)

    def count() -> None:
        for step in range(1, 41):
            run.update(steps_done=step)

    counter = threading.Thread(target=count)
    counter.start()
    for index in range(40):
        renamer.update(name=f"name {index}")
    counter.join()
    record = store.open(run.path).record
    assert (record.steps_done, record.name) == (40, "name 39")


def test_an_invalid_update_leaves_the_record_as_it_was(store: RunStore) -> None:
    run = start_run(store)
    with pytest.raises(ValueError, match="steps_done"):
        run.update(steps_done="many")
    assert store.open(run.path).record == run.record


def test_the_status_sets_the_owner(store: RunStore) -> None:
    run = start_run(store)
    assert run.record.owner == process_identity.current_process()
    assert run.update(status=RunStatus.STOPPED).owner is None
    assert run.update(status=RunStatus.RUNNING).owner == process_identity.current_process()


def test_a_killed_process_leaves_an_interrupted_run(store: RunStore) -> None:
    program = (
        "import sys, time; from engine.runs.store import RunStore; from pathlib import Path\n"
        "run = RunStore(Path(sys.argv[1])).create('pretrain', 'killed', {})\n"
        "run.checkpoint_path.write_bytes(b'state'); run.append_metrics(1, {'loss': 0.5, 'other': 1.0})\n"
        "print(run.path, flush=True)\n"
        "step = 1\n"
        "while True: step += 1; run.append_metrics(step, {'loss': step / 2, 'other': 1.0})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store.root)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    run = store.open(folder)
    assert run.record.status == RunStatus.RUNNING
    with pytest.raises(RunStoreError, match="another process"):
        run.update(status=RunStatus.RUNNING)
    with pytest.raises(RunStoreError, match="still running"):
        store.delete(run)
    process.send_signal(signal.SIGKILL)
    # Before its parent has waited for it, a killed process is still listed as a zombie.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert run.reload().status == RunStatus.INTERRUPTED
    assert run.is_resumable
    process.wait()
    process.stdout.close()
    assert store.list()[0].record.status == RunStatus.INTERRUPTED
    curve = run.read_metrics()["loss"]
    assert curve == [(step, step / 2) for step in range(1, len(curve) + 1)]
    run.update(status=RunStatus.RUNNING)
    run.append_metrics(10**9, {"loss": 0.0})
    assert run.read_metrics()["loss"] == [*curve, (10**9, 0.0)]


def test_a_reused_process_id_is_not_the_owner(store: RunStore) -> None:
    run = start_run(store)
    change_record(run, owner={**process_identity.current_process(), "started": "another boot:1"})
    assert run.reload().status == RunStatus.INTERRUPTED


def test_a_run_of_another_machine_is_judged_by_its_silence(store: RunStore) -> None:
    run = start_run(store)
    change_record(run, owner={"pid": 1, "started": "x", "host": "elsewhere"})
    assert run.reload().status == RunStatus.RUNNING
    os.utime(run.path / "run.json", (0, 0))
    assert run.reload().status == RunStatus.INTERRUPTED


@pytest.mark.parametrize(
    ("status", "resumable"),
    [("done", False), ("stopped", True), ("failed", True), ("running", False)],
)
def test_what_can_be_resumed(store: RunStore, status: str, resumable: bool) -> None:
    run = start_run(store)
    run.update(status=status)
    assert not run.is_resumable
    run.checkpoint_path.write_bytes(b"state")
    assert run.is_resumable == resumable


def test_a_newer_version_is_refused_with_a_sentence(store: RunStore) -> None:
    run = start_run(store)
    change_record(run, schema_version=2, status="dreaming")
    with pytest.raises(RunStoreError, match="newer version of Residua") as caught:
        store.open(run.path)
    assert caught.value.hint == "Update Residua."


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 1}', b'"text"', b"[" * 100_000]
)
def test_a_damaged_record_is_an_error_and_hides_no_other_run(
    store: RunStore, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = start_run(store), start_run(store)
    (bad.path / "run.json").write_bytes(content)
    with pytest.raises(RunStoreError, match="damaged"):
        store.open(bad.path)
    assert [run.path for run in store.list()] == [good.path]
    assert "damaged" in caplog.text


def test_open_finds_by_id_and_by_path_and_says_when_there_is_none(store: RunStore, tmp_path: Path) -> None:
    run = start_run(store)
    assert store.open(run.record.id).path == run.path
    assert store.open(str(run.path)).path == run.path
    for missing in ("no-such-run", "../runs/none", str(tmp_path)):
        with pytest.raises(RunStoreError, match="not a run folder"):
            store.open(missing)


def test_delete_and_restore(store: RunStore) -> None:
    run = start_run(store)
    run.append_metrics(1, {"loss": 2.0})
    with pytest.raises(RunStoreError, match="still running"):
        store.delete(run)
    run.update(status=RunStatus.DONE)
    token = store.delete(run)
    assert store.list() == []
    assert not run.path.exists()
    restored = store.restore_deleted(token)
    assert restored.path == run.path
    assert restored.read_metrics() == {"loss": [(1, 2.0)]}
    with pytest.raises(RunStoreError, match="No deleted run"):
        store.restore_deleted(token)
    with pytest.raises(RunStoreError, match="No deleted run"):
        store.restore_deleted("../" + run.path.name)


def test_a_run_outside_the_store_is_not_deleted(store: RunStore, tmp_path: Path) -> None:
    run = store.create("pretrain", "x", {}, path=tmp_path / "elsewhere")
    run.update(status=RunStatus.DONE)
    with pytest.raises(RunStoreError, match="outside"):
        store.delete(run)
    assert run.path.is_dir()


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from(["loss", "psnr", "ssim"]), st.floats(allow_nan=False), min_size=1)),
        max_size=20,
    ),
    st.integers(0, 60),
)
def test_metrics_survive_a_cut_anywhere_in_the_last_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[dict[str, float]]], cut: int
) -> None:
    run = RunStore(tmp_path_factory.mktemp("runs")).create("pretrain", "x", {})
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, (metrics,) in enumerate(rows):
        run.append_metrics(step, metrics)
        for name, value in metrics.items():
            expected.setdefault(name, []).append((step, value))
    assert run.read_metrics() == expected
    run.append_metrics(1000, {"last": 1 / 3})
    size = run.metrics_path.stat().st_size
    last_row_size = len(f"1000,last,{1 / 3!r}\n")
    os.truncate(run.metrics_path, size - 1 - cut % last_row_size)
    assert run.read_metrics() == expected
    run.append_metrics(1001, {"loss": 5.0})
    expected.setdefault("loss", []).append((1001, 5.0))
    assert run.read_metrics() == expected


def test_resumed_steps_replace_the_lost_ones(store: RunStore) -> None:
    run = start_run(store)
    for step in (10, 20, 30, 15, 25):
        run.append_metrics(step, {"loss": float(step)})
    assert [step for step, _ in run.read_metrics()["loss"]] == [10, 15, 25]


def test_of_a_huge_file_of_curves_the_newest_rows_are_read(store: RunStore) -> None:
    run = start_run(store)
    with run.metrics_path.open("wb") as file:
        file.write(b"step,name,value\n1,loss,1.0\n2,loss,2")
        # A hole: it takes no room on the disk.
        file.seek(metrics_file.MAX_READ_BYTES + 100)
        file.write(b".5\n3,loss,3.0\n4,loss,4.0\n")
    assert run.read_metrics() == {"loss": [(3, 3.0), (4, 4.0)]}


def test_rows_with_impossible_steps_are_passed_over(store: RunStore) -> None:
    run = start_run(store)
    run.metrics_path.write_text(f"step,name,value\n-1,loss,1.0\n{10**300},loss,1.0\n3,loss,3.0\n", encoding="utf-8")
    assert run.read_metrics() == {"loss": [(3, 3.0)]}


def test_metrics_keep_values_that_are_not_finite(store: RunStore) -> None:
    run = start_run(store)
    run.append_metrics(1, {"loss": math.inf, "psnr": math.nan})
    curves = run.read_metrics()
    assert curves["loss"] == [(1, math.inf)]
    assert math.isnan(curves["psnr"][0][1])


def test_log_entries_begin_with_the_time_and_further_lines_are_indented(store: RunStore) -> None:
    run = start_run(store)
    run.log("first\nsecond\n")
    run.log("third")
    lines = run.log_path.read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 1)[1].strip() for line in lines] == ["first", "second", "third"]
    assert [line[0].isdigit() for line in lines] == [True, False, True]


def test_the_store_imports_neither_torch_nor_qt() -> None:
    program = "import sys, engine.runs.store; print([m for m in ('torch', 'PySide6') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_runs_of_one_second_are_listed_newest_first(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    # By their folders' names alone the older ones would come first here.
    made = [store.create(kind, "same", {}).path.name for kind in ("pretrain", "finetune", "pretrain", "finetune")]
    assert [run.path.name for run in store.list()] == made[::-1]
