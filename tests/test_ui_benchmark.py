"""What the window's benchmark says about its figures."""

from typing import Any

from tests.benchmarks.ui import summary_rows, tables_of

FRAMES = {"movement": "pan at 100%", "p50_ms": 4.0, "max_ms": 30.0, "main_thread_p99_ms": 3.0, "soft_share": 0.25}
DATA: dict[str, dict[str, Any]] = {
    "canvas": {
        "rows": [
            {**FRAMES, "num_panes": 1, "p99_ms": 9.0},
            {**FRAMES, "num_panes": 2, "p99_ms": 8.0},
            {**FRAMES, "num_panes": 2, "p99_ms": 21.0},
        ]
    },
    "training": {
        page: {"p50_ms": 1.0, "p99_ms": late_ms, "max_ms": 90.0, "num_ticks": 900}
        for page, late_ms in (("training_page", 12.0), ("compare_page", 31.0))
    },
}


def test_the_worst_movement_of_each_number_of_panes_counts() -> None:
    rows = [(measured, met) for what, measured, goal, met in summary_rows(DATA) if "pane" in what]
    assert rows == [("9.0 ms", "yes"), ("21.0 ms", "no")]


def test_lateness_is_judged_on_each_page() -> None:
    rows = [(measured, goal, met) for what, measured, goal, met in summary_rows(DATA) if "lateness" in what]
    assert rows == [("12.0 ms", "at most 30 ms", "yes"), ("31.0 ms", "at most 30 ms", "no")]


def test_a_part_that_failed_leaves_the_others_tables() -> None:
    titles = [table.title for table in tables_of(DATA)]
    assert titles == ["Against the goals", "Panning and zooming", "Lateness while training"]
    assert all(len(row) == len(table.header) for table in tables_of(DATA) for row in table.rows)
