"""What is loaded behind the window: what restores at once, the rest when nobody waits for a photo."""

from pytestqt.qtbot import QtBot

from app.core.warm_up import WarmUp

QUIET_S = 1.0
LOADED_MS = 60_000


def test_what_trains_waits_until_nothing_is_restored_any_more(qtbot: QtBot) -> None:
    warm_up = WarmUp(quiet_s=QUIET_S)
    settled: list[bool] = []
    warm_up.settled.connect(lambda: settled.append(True))
    warm_up.failed.connect(lambda error: settled.append(error))
    with qtbot.waitSignal(warm_up.finished, timeout=LOADED_MS):
        warm_up.start()
    for _ in range(30):
        warm_up.put_off()
        qtbot.wait(int(100 * QUIET_S))
    assert settled == []
    qtbot.waitUntil(lambda: settled == [True], timeout=LOADED_MS)
    warm_up.join(LOADED_MS / 1000)
    assert not warm_up.is_running


def test_it_can_be_ended_while_it_waits(qtbot: QtBot) -> None:
    warm_up = WarmUp(quiet_s=3600.0)
    settled: list[bool] = []
    warm_up.settled.connect(lambda: settled.append(True))
    with qtbot.waitSignal(warm_up.finished, timeout=LOADED_MS):
        warm_up.start()
    warm_up.join(LOADED_MS / 1000)
    assert not warm_up.is_running
    assert settled == []
