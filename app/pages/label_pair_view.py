"""One pair, looked at: noisy against clean with a split, and what was found out about it."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.label_entries import LabelEntry
from app.phrases import decibels
from app.theme import SPACING, set_role
from app.viewer.compare_viewer import CompareViewer
from app.viewer.latest_task import LatestTask
from app.viewer.picture_files import PictureFiles
from app.viewer.view_modes import PaneContent, Picture, PictureRole
from app.widgets.buttons import button
from app.widgets.text import ElidedLabel, IconLabel, label
from engine.metrics import psnr

_BRIGHTNESS_TOLERANCE = 0.02
_NUM_FINDINGS = 3


@dataclass(frozen=True)
class Finding:
    """One thing found out about a pair.

    Attributes:
        text: What it is, one sentence.
        is_warning: Whether it speaks against using the pair.
    """

    text: str
    is_warning: bool = False


@dataclass(frozen=True)
class _LookedAt:
    entry: LabelEntry
    panes: tuple[PaneContent, ...]
    findings: tuple[Finding, ...]


class LabelPairView(QWidget):
    """A split view with the findings below it.

    Signals:
        use_requested(LabelEntry, bool): Use the pair, or set it aside.
    """

    use_requested = Signal(object, bool)

    def __init__(self, files: PictureFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = files
        self._entry: LabelEntry | None = None
        self._is_used = False
        self.viewer = CompareViewer()
        self.viewer.set_mode("split")
        self._task = LatestTask(self)
        self._task.finished.connect(self._show)
        self._name = ElidedLabel("", "section", elide_mode=Qt.TextElideMode.ElideMiddle)
        self.use_button = button("")
        self.use_button.clicked.connect(self._toggle_use)
        self._findings = [_FindingRow() for _ in range(_NUM_FINDINGS)]
        top = QHBoxLayout()
        top.setSpacing(SPACING)
        top.addWidget(self._name, 1)
        top.addWidget(self.use_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(top)
        layout.addWidget(self.viewer, 1)
        for row in self._findings:
            layout.addWidget(row)
        self.set_entry(None, is_used=False)

    @property
    def findings(self) -> list[str]:
        """What is said about the pair."""
        return [row.text for row in self._findings if row.text]

    def set_entry(self, entry: LabelEntry | None, *, is_used: bool) -> None:
        """Show another row of the list, or its new state."""
        self._is_used = is_used
        self.use_button.setVisible(entry is not None and entry.is_pair)
        if entry is not None:
            self.use_button.setText(_use_text(entry, is_used))
        if entry == self._entry and entry is not None:
            return
        self._entry = entry
        self._show_findings(())
        if entry is None:
            self._task.cancel()
            self._name.set_text("")
            self.viewer.show_message("Choose a pair on the left.")
            return
        self._name.set_text((entry.noisy or entry.clean).name)
        self.viewer.set_loading("Reading the photos…")
        self._task.submit(lambda: _look_at(entry, self._files))

    def shut_down(self) -> None:
        """Wait for the background threads."""
        self._task.shut_down()
        self.viewer.shut_down()

    @Slot(object)
    def _show(self, seen: _LookedAt) -> None:
        self.viewer.set_mode("split" if len(seen.panes) > 1 else "side_by_side")
        self.viewer.set_panes(seen.panes)
        self._show_findings(seen.findings)

    def _show_findings(self, findings: tuple[Finding, ...]) -> None:
        for index, row in enumerate(self._findings):
            row.show_finding(findings[index] if index < len(findings) else None)

    @Slot()
    def _toggle_use(self) -> None:
        if self._entry is not None:
            self.use_requested.emit(self._entry, not self._is_used)


class _FindingRow(QWidget):
    """A tick or a warning, and a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self._icon = IconLabel("check-circle", "text_muted", 16)
        self._label = label("", wraps=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._label, 1)

    @property
    def text(self) -> str:
        """What it says."""
        return self._label.text()

    def show_finding(self, finding: Finding | None) -> None:
        """Say something; None: nothing."""
        self.setVisible(finding is not None)
        self._label.setText(finding.text if finding is not None else "")
        if finding is not None:
            self._icon.set_icon(
                "warning" if finding.is_warning else "check-circle", "warning" if finding.is_warning else "text_muted"
            )
            set_role(self._label, "warning" if finding.is_warning else "muted")


def _use_text(entry: LabelEntry, is_used: bool) -> str:
    if is_used:
        return "Set this pair aside"
    return "Use it anyway" if entry.is_doubtful else "Use this pair"


def _look_at(entry: LabelEntry, files: PictureFiles) -> _LookedAt:
    """Read both photos and measure what they have in common; in a background thread."""
    clean = files.picture(entry.clean, title="Reference", detail="", role=PictureRole.REFERENCE)
    reasons = (Finding(f"{entry.reason} {entry.hint}", is_warning=True),) if entry.reason else ()
    if entry.noisy is None:
        return _LookedAt(entry, (clean,), reasons)
    noisy = files.picture(entry.noisy, title="Noisy", detail="", role=PictureRole.INPUT)
    return _LookedAt(entry, (noisy, clean), (*reasons, *_measure(noisy, clean))[:_NUM_FINDINGS])


def _measure(noisy: PaneContent, clean: PaneContent) -> tuple[Finding, ...]:
    if not (isinstance(noisy, Picture) and isinstance(clean, Picture)):
        return ()
    if noisy.pixels.shape != clean.pixels.shape:
        return ()
    if np.array_equal(noisy.pixels, clean.pixels):
        return (Finding("Both files hold the same picture: it would teach nothing.", is_warning=True),)
    offset = float(clean.pixels.mean(dtype=np.float64) - noisy.pixels.mean(dtype=np.float64))
    if abs(offset) > _BRIGHTNESS_TOLERANCE:
        brightness = Finding(
            f"The reference is {abs(offset):.0%} {'brighter' if offset > 0 else 'darker'}: "
            "the model would learn to change the exposure.",
            is_warning=True,
        )
    else:
        brightness = Finding("Same brightness.")
    return (
        Finding(
            f"Same size, {noisy.size_text} pixels. The noisy photo is at {decibels(psnr(noisy.pixels, clean.pixels))} "
            "PSNR against the reference."
        ),
        brightness,
    )
