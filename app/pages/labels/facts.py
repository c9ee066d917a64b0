"""What is known about the chosen label, and what can be done about it: the right edge of the labels page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from app.look.buttons import button
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import ElidedLabel, IconLabel, label
from app.look.theme import SPACING, Theme, follow_theme, set_role
from app.look.translation import tr, translate_engine
from app.pages.labels.entries import LabelEntry
from engine.labelling.doctor import FactKind

_PANEL_PX = 248
_WIDEST_PX = 380
_ZERO_WIDTH_SPACE = "\u200b"
"""Lets the names of files break."""

_BREAKABLE = re.compile(r"(?<=[_-])(?=\w)")


_ICONS = {FactKind.PSNR: "gauge", FactKind.SCENE: "info"}


@dataclass(frozen=True)
class Finding:
    """One thing to say about a label.

    Attributes:
        text: What it is, one sentence.
        hint: What to do about it; may be empty.
        icon: A Phosphor icon.
        is_warning: Whether it speaks against using the pair.
    """

    text: str
    hint: str = ""
    icon: str = "check-circle"
    is_warning: bool = False


class LabelFacts(QScrollArea):
    """Names, findings and buttons.

    Attributes:
        use_button: Uses the pair, or sets it aside.
        align_button: Has an aligned copy of the reference made.
        fit_button: Lets the reference keep its own brightness, or fits it again.
        measure_button: Lets the pair only measure, or teach again.
        match_button: Chooses another file for the other side.

    Signals:
        use_requested: Use the pair, or set it aside, whichever it is not.
        align_requested: Align a copy of the reference.
        fit_requested: Fit the reference, or let it keep its own brightness, whichever it does not.
        measure_requested: Let the pair only measure, or teach, whichever it does not.
        match_requested: Choose another file.
    """

    use_requested = Signal()
    align_requested = Signal()
    fit_requested = Signal()
    measure_requested = Signal()
    match_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        follow_theme(self._fit)
        self.setAccessibleName(tr("What is known about the label"))
        self._name = ElidedLabel("", "section", elide_mode=Qt.TextElideMode.ElideMiddle)
        self._reference = ElidedLabel("", "muted", elide_mode=Qt.TextElideMode.ElideMiddle)
        self._origin = ElidedLabel("", "caption")
        self._rows: list[_FindingRow] = []
        self.use_button = button("", "check")
        self.use_button.clicked.connect(self.use_requested)
        self.align_button = button(tr("Align a copy"), "arrows-in-cardinal")
        self.align_button.setToolTip(
            tr("Writes an aligned copy of the reference into Residua's own data and uses it; your file stays as it is.")
        )
        self.align_button.clicked.connect(self.align_requested)
        self.fit_button = button("", "sliders-horizontal")
        self.fit_button.setToolTip(
            tr("Whether the reference is taught as bright as the noisy photo, or as it is. No file changes.")
        )
        self.fit_button.clicked.connect(self.fit_requested)
        self.measure_button = button("", "gauge")
        self.measure_button.setToolTip(
            tr("Measures how good a fine-tuning is, and never teaches, however few labels there are.")
        )
        self.measure_button.clicked.connect(self.measure_requested)
        self.match_button = button("", "link")
        self.match_button.clicked.connect(self.match_requested)
        self._findings_layout = in_column()
        content = QWidget()
        in_column(
            self._name,
            self._reference,
            self._origin,
            self._findings_layout,
            self.align_button,
            self.fit_button,
            self.measure_button,
            self.use_button,
            self.match_button,
            Stretch(1),
            of=content,
            margins=(SPACING, 0, SPACING, 0),
        )
        self.setWidget(content)
        self.show_entry(None, is_used=False)

    @property
    def texts(self) -> list[str]:
        """What is said about the label."""
        return [row.text for row in self._rows if row.text]

    def show_entry(self, entry: LabelEntry | None, *, is_used: bool) -> None:
        """Show another row of the list, or its new state."""
        self._name.set_text(entry.main_photo.name if entry is not None else "")
        is_pair = entry is not None and entry.is_pair
        self._reference.set_text(entry.clean.name if entry is not None and entry.clean is not None and is_pair else "")
        self._origin.set_text(_origin_text(entry) if entry is not None else "")
        for line in (self._reference, self._origin):
            line.setVisible(is_pair)
        self._show_findings(findings_of(entry, is_used=is_used))
        self.use_button.setVisible(entry is not None and entry.is_pair)
        self.align_button.setVisible(
            entry is not None and entry.diagnosis is not None and entry.diagnosis.can_be_aligned
        )
        self.fit_button.setVisible(entry is not None and entry.has_other_exposure)
        self.measure_button.setVisible(entry is not None and entry.is_pair and is_used)
        self.match_button.setVisible(entry is not None)
        if entry is None:
            return
        self.use_button.setText(_use_text(entry, is_used))
        self.measure_button.setText(tr("Teach with it") if entry.only_measures else tr("Measure only"))
        self.fit_button.setText(tr("Keep its own brightness") if entry.is_fitted else tr("Fit its brightness"))
        if entry.noisy is None:
            self.match_button.setText(tr("Choose its noisy photo"))
        else:
            self.match_button.setText(tr("Other reference") if entry.clean else tr("Choose its reference"))

    @Slot()
    def _fit(self) -> None:
        wanted = min(_WIDEST_PX, Theme.of_application().px(_PANEL_PX))
        # Buttons do not wrap: the panel is never narrower than the longest of them.
        content = self.widget()
        needed = content.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width() if content else 0
        self.setMinimumWidth(max(wanted, needed))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def _show_findings(self, findings: Sequence[Finding]) -> None:
        while len(self._rows) < len(findings):
            row = _FindingRow()
            self._rows.append(row)
            self._findings_layout.addWidget(row)
        for index, row in enumerate(self._rows):
            row.show_finding(findings[index] if index < len(findings) else None)


class _FindingRow(QWidget):
    """A tick or a warning, a sentence, and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self._icon = IconLabel("check-circle", "text_muted", 16)
        self._text = label("", wraps=True)
        self._hint = label("", "muted", wraps=True)
        for part in (self._text, self._hint):
            # A long word must not push the panel wider than it is.
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        words = in_column(self._text, self._hint, spacing=SPACING // 4)
        in_row((self._icon, 0, Qt.AlignmentFlag.AlignTop), (words, 1), of=self, margins=0)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text().replace(_ZERO_WIDTH_SPACE, "")

    def show_finding(self, finding: Finding | None) -> None:
        """Say something; None: nothing."""
        self.setVisible(finding is not None)
        self._text.setText(_BREAKABLE.sub(_ZERO_WIDTH_SPACE, finding.text) if finding is not None else "")
        self._hint.setText(finding.hint if finding is not None else "")
        self._hint.setVisible(bool(self._hint.text()))
        if finding is not None:
            self._icon.set_icon(finding.icon, "warning" if finding.is_warning else "text_muted")
            set_role(self._text, "warning" if finding.is_warning else "")


def findings_of(entry: LabelEntry | None, *, is_used: bool) -> list[Finding]:
    """Return what there is to say about a label: what was decided, why it is suggested, what the doctor found."""
    if entry is None:
        return []
    found = []
    if entry.suggestion is not None:
        found.append(Finding(translate_engine(entry.suggestion.sentence), icon="sparkle"))
    if entry.noisy is None:
        return [*found, Finding(tr(entry.reason), tr(entry.hint), icon="warning", is_warning=True)]
    if entry.clean is None:
        text = tr("It has no reference yet.")
        return [*found, Finding(text, tr("Add a clean version of it, or make one from a burst."), icon="circle-dashed")]
    if entry.is_doubtful and is_used:
        found.append(Finding(tr("You use it although it is doubtful."), icon="user"))
    elif not entry.is_doubtful and not is_used:
        found.append(Finding(tr("You have set it aside."), icon="user"))
    if entry.only_measures and is_used:
        found.append(Finding(tr("It only measures: nothing is learned from it."), icon="gauge"))
    if entry.has_other_exposure and not entry.is_fitted:
        text = tr("The reference keeps its own brightness: restored photos take it on.")
        found.append(Finding(text, icon="user"))
    if entry.diagnosis is not None:
        for fact in entry.diagnosis.facts:
            if fact.is_fitted and not entry.is_fitted:
                continue
            icon = "warning" if fact.is_doubt else "info" if fact.hint else _ICONS.get(fact.kind, "check-circle")
            found.append(Finding(translate_engine(fact.text), translate_engine(fact.hint), icon, fact.is_doubt))
    elif entry.reason:
        found.append(Finding(translate_engine(entry.reason), translate_engine(entry.hint), "warning", True))
    else:
        found.append(Finding(tr("Not examined yet."), icon="hourglass"))
    return found


def _origin_text(entry: LabelEntry) -> str:
    return tr("Reference chosen by hand") if entry.is_by_hand else tr("Reference matched by name")


def _use_text(entry: LabelEntry, is_used: bool) -> str:
    if is_used:
        return tr("Set this pair aside")
    return tr("Use it anyway") if entry.is_doubtful else tr("Use this pair")
