"""What a look ahead at a training has found, as a card: figures above, what is wrong or doubtful below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from app.look import phrases
from app.look.layouts import in_column, in_row
from app.look.phrases import NO_BREAK
from app.look.text import IconLabel, label
from app.look.theme import SPACING, Theme, set_role
from app.look.translation import format_number, mark, tr, tr_count, translate_engine
from app.pages.training.setup.time import Estimate
from engine.training.preflight.findings import Finding, Weight

if TYPE_CHECKING:
    from engine.training.preflight.look import Preflight

MAX_FINDINGS = 8
_FACT_PX = 150
_PRECISIONS = {"bf16-mixed": "bf16", "32-true": mark("32 bit")}
_ICONS = {
    Weight.BLOCKS: ("x-circle", "warning"),
    Weight.DOUBTFUL: ("warning", "warning"),
    Weight.NOTE: ("info", "text_muted"),
}
_SPOKEN = {Weight.BLOCKS: mark("Prevents the start"), Weight.DOUBTFUL: mark("Doubtful"), Weight.NOTE: mark("Note")}


class PreflightPanel(QFrame):
    """Reads, time, device, memory, disk; then the findings, the worst first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self.setAccessibleName(tr("Before it starts"))
        self._reads = _Fact(tr("Reads"))
        self._time = _Fact(tr("Takes"))
        self._device = _Fact(tr("Computes on"))
        self._memory = _Fact(tr("Memory"), tr("What the training needs at most, and what is free there now."))
        self._disk = _Fact(tr("Disk"), tr("What the run leaves in the folder of runs, and what is free there now."))
        self._facts = (self._reads, self._time, self._device, self._memory, self._disk)
        self._num_columns = 0
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACING)
        self._grid.setVerticalSpacing(SPACING)
        self._state = label("", "caption")
        top = in_row((label(tr("Before it starts"), "strong"), 1), self._state, spacing=None)
        self._rows = in_column()
        self._messages: tuple[str, ...] = ()
        in_column(top, self._grid, self._rows, of=self, margins=(2 * SPACING, SPACING + 4, 2 * SPACING, SPACING + 4))
        self._place(len(self._facts))
        Theme.of_application().changed.connect(self._fit)

    @property
    def messages(self) -> tuple[str, ...]:
        """The findings that are shown."""
        return self._messages

    @property
    def facts(self) -> dict[str, str]:
        """The figures by their captions."""
        return {fact.caption: fact.value for fact in self._facts}

    @property
    def state(self) -> str:
        """What is being found out; "" while nothing is."""
        return self._state.text()

    def show_state(self, *, is_checking: bool, is_trying: bool) -> None:
        """Say that something is still being found out.

        Args:
            is_checking: Whether photos and settings are looked at.
            is_trying: Whether a few steps are tried to learn how quick this machine is.
        """
        self._state.setText(
            tr("looking at the photos …") if is_checking else tr("trying a few steps …") if is_trying else ""
        )

    def show_estimate(self, estimate: Estimate) -> None:
        """Say how long it will take, and how that is known."""
        self._time.show_value(phrases.rough_minutes(estimate.minutes), tr(estimate.source))

    def show_report(self, report: Preflight | None, input_text: str) -> None:
        """Show what was found.

        Args:
            report: None: nothing yet.
            input_text: What is learned from, as the page says it.
        """
        if report is None:
            for fact in (self._reads, self._device, self._memory, self._disk):
                fact.show_value("–")
            self._reads.show_value(input_text or "–")
            self._show_findings(())
            return
        megapixels = format_number(report.num_pixels / 1e6, 0 if report.num_pixels >= 1e7 else 1)
        size = tr("{megapixels} MP").format(megapixels=megapixels).replace(" ", NO_BREAK)
        skipped = tr_count("{number} file skipped", "{number} files skipped", report.num_skipped)
        reads = [input_text, size if report.num_pixels else ""]
        reads.append(skipped.format(number=format_number(report.num_skipped)) if report.num_skipped else "")
        self._reads.show_value(
            " · ".join(part for part in reads if part),
            tr("All that is read, references included: {megapixels} megapixels.").format(megapixels=megapixels),
        )
        precision = _PRECISIONS.get(report.precision, "")
        self._device.show_value(
            f"{report.device.upper()} · {tr(precision)}" if report.device else "–",
            tr("{precision} arithmetic on the {device}").format(precision=tr(precision), device=report.device.upper()),
        )
        self._memory.show_value(_needed_of(report.memory_bytes, report.free_memory_bytes))
        self._disk.show_value(_needed_of(report.disk_bytes, report.free_disk_bytes))
        self._show_findings(report.findings)

        # The layouts keep heights that were computed for the former, shorter texts.
        self._grid.invalidate()
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        room = self.width() - 4 * SPACING
        most = max(1, room // (Theme.of_application().px(_FACT_PX) + 2 * SPACING))
        rows = -(-len(self._facts) // most)
        columns = -(-len(self._facts) // rows)
        if columns != self._num_columns:
            self._place(columns)

    def _place(self, num_columns: int) -> None:
        for fact in self._facts:
            self._grid.removeWidget(fact)
        for position, fact in enumerate(self._facts):
            self._grid.addWidget(fact, *divmod(position, num_columns), Qt.AlignmentFlag.AlignTop)
        for column in range(len(self._facts)):
            self._grid.setColumnStretch(column, 1 if column < num_columns else 0)
        self._num_columns = num_columns

    def _show_findings(self, findings: tuple[Finding, ...]) -> None:
        messages = tuple(translate_engine(finding.message) for finding in findings[:MAX_FINDINGS])
        if messages == self._messages:
            return
        self._messages = messages
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for finding in findings[:MAX_FINDINGS]:
            self._rows.addWidget(_finding_row(finding))
        num_more = len(findings) - MAX_FINDINGS
        if num_more > 0:
            text = tr_count("and {number} more", "and {number} more", num_more)
            self._rows.addWidget(label(text.format(number=phrases.number(num_more)), "caption"))


class _Fact(QWidget):
    """A figure below its caption; long ones wrap."""

    def __init__(self, caption: str, tip: str = "") -> None:
        super().__init__()
        self.caption = caption
        self._value = label("–", wraps=True)
        self.setToolTip(tip)
        in_column(label(caption, "caption"), self._value, of=self, margins=0, spacing=0)

    @property
    def value(self) -> str:
        """The figure."""
        return self._value.text()

    def show_value(self, value: str, tip: str = "") -> None:
        """Show another figure."""
        self._value.setText(value)
        self._value.setAccessibleName(f"{self.caption}: {value}")
        if tip:
            self.setToolTip(tip)


def _finding_row(finding: Finding) -> QWidget:
    row = QWidget()
    icon, color = _ICONS[finding.weight]
    mark_label = IconLabel(icon, color)
    mark_label.setToolTip(tr(_SPOKEN[finding.weight]))
    message = translate_engine(finding.message)
    text = label(f"{message} {translate_engine(finding.hint)}", wraps=True)
    text.setAccessibleName(f"{tr(_SPOKEN[finding.weight])}: {text.text()}")
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    in_row((mark_label, 0, Qt.AlignmentFlag.AlignTop), (text, 1), of=row, margins=0)
    return row


def _needed_of(needed: int, free: int) -> str:
    """Return "120 MB of 6.3 GB free"."""
    if not needed:
        return "–"
    return tr("{needed} of {free} free").format(needed=_size(needed), free=_size(free))


def _size(num_bytes: int) -> str:
    if num_bytes >= 2**29:
        return f"{format_number(num_bytes / 2**30, 1)}{NO_BREAK}GiB"
    return f"{format_number(num_bytes / 2**20)}{NO_BREAK}MiB"
