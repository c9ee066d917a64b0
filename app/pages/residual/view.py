"""What one restored photo's residual looks like: the picture of it, amplified, and its plots."""

from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QScrollArea, QWidget

from app.core.actions import ACTIONS, make_action, tip_with_keys
from app.look.buttons import icon_button, quiet_button
from app.look.image_convert import ChannelTint
from app.look.layouts import Stretch, in_column, in_row
from app.look.text import label
from app.look.theme import SPACING, Theme, follow_theme
from app.look.translation import short_number, tr
from app.pages.residual.plots import (
    autocorrelation_map,
    histogram_plot,
    show_autocorrelation,
    show_histogram,
    show_spectrum,
    spectrum_plot,
)
from app.pages.shared.learned_noise.plots import level_plot, show_residual_levels
from app.viewer.compare_viewer import CompareViewer
from app.viewer.pictures import GAINS, Picture, PictureRole
from app.widgets.room.fitting_splitter import FittingSplitter
from engine.residuals.inspection import ResidualReport

_WANTED_SPREAD = 0.15
"""Of the range from black to white, the standard deviation of an amplified residual that shows well."""

_PLOTS_WIDTH_PX = 380
_WIDTHS_PX = (800, 400)
_LEAST_STACKED_PX = 360
_BIT_DEPTH: Final = 16


class ResidualView(QWidget):
    """The amplified residual left, its plots right.

    Attributes:
        viewer: Shows the residual; zooms and pans like the Compare page.
        histogram: Its values.
        neighbours: Its autocorrelation.
        levels: Its strength by brightness, beside the learned noise where there is one.
        spectrum: Its power by fineness.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = CompareViewer()
        self.viewer.set_mode("residual")
        self._gain = label("")
        self._gain.setMinimumWidth(self._gain.fontMetrics().horizontalAdvance("× 888"))
        self._gain.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.histogram, self.neighbours, self.spectrum = histogram_plot(), autocorrelation_map(), spectrum_plot()
        self.levels = level_plot(title=tr("Strength by brightness"))
        self._all_plots = plots = QWidget()
        plots_layout = in_column(of=plots, margins=(SPACING, 0, SPACING, 0), spacing=2 * SPACING)
        for plot, stretch in ((self.histogram, 2), (self.levels, 2), (self.neighbours, 3), (self.spectrum, 2)):
            plots_layout.addWidget(plot, stretch)
        self._plots = scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(plots)
        follow_theme(self._fit_plots)
        left = QWidget()
        in_column(self._bar(), (self.viewer, 1), of=left, margins=0, spacing=SPACING // 2)
        splitter = FittingSplitter(((left, _LEAST_STACKED_PX), (scroll, _LEAST_STACKED_PX)), _WIDTHS_PX, handle_px=1)
        splitter.setStretchFactor(0, 1)
        in_column(splitter, of=self, margins=0)
        self.viewer.state_changed.connect(self._show_gain)
        self._show_gain()

    def clear(self) -> None:
        """Show no residual; what the plots take stays free."""
        self.viewer.show_message("")
        self._all_plots.hide()

    def show_report(self, report: ResidualReport) -> None:
        """Show another residual, amplified so that it can be seen."""
        self._all_plots.show()
        wanted = _WANTED_SPREAD / max(report.sigma, 1e-6)
        self.viewer.set_gain(max((gain for gain in GAINS if gain <= wanted), default=GAINS[0]))
        tints = ChannelTint.of_channels(report.channels)
        self.viewer.set_panes(
            [
                Picture(title=title, detail="", pixels=pixels, bit_depth=_BIT_DEPTH, role=role, channels=tints)
                for title, pixels, role in (
                    (tr("Noisy"), report.noisy, PictureRole.INPUT),
                    (tr("Restored"), report.restored, PictureRole.RESTORED),
                )
            ]
        )
        self.viewer.view_transform.fit()
        show_histogram(self.histogram, report.histogram)
        show_residual_levels(self.levels, report.levels, None if report.match is None else report.match.sigma)
        show_autocorrelation(self.neighbours, report.autocorrelation)
        self.spectrum.setVisible(report.spectrum is not None)
        if report.spectrum is not None:
            show_spectrum(self.spectrum, report.spectrum)

    def shut_down(self) -> None:
        """Wait for the viewer's background thread."""
        self.viewer.shut_down()

    def _bar(self) -> QWidget:
        less = icon_button("minus", tip_with_keys(tr("Amplify less"), "view.gain_down"))
        more = icon_button("plus", tip_with_keys(tr("Amplify more"), "view.gain_up"))
        fit, whole = quiet_button(tr("Fit")), quiet_button("1:1")
        fit.setToolTip(tip_with_keys(tr(ACTIONS["view.fit"].text), "view.fit"))
        whole.setToolTip(tip_with_keys(tr(ACTIONS["view.one_to_one"].text), "view.one_to_one"))
        transform = self.viewer.view_transform
        less.clicked.connect(lambda: self.viewer.step_gain(-1))
        more.clicked.connect(lambda: self.viewer.step_gain(1))
        fit.clicked.connect(lambda: transform.fit())
        whole.clicked.connect(lambda: transform.show_actual_size())
        for action_id, function in {
            "view.gain_down": lambda: self.viewer.step_gain(-1),
            "view.gain_up": lambda: self.viewer.step_gain(1),
            "view.fit": lambda: transform.fit(),
            "view.one_to_one": lambda: transform.show_actual_size(),
            "view.zoom_in": lambda: transform.zoom_step(1),
            "view.zoom_out": lambda: transform.zoom_step(-1),
        }.items():
            action: QAction = make_action(action_id, self)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _checked=False, function=function: function())
        bar = QWidget()
        in_row(
            label(tr("Amplified")),
            less,
            self._gain,
            more,
            Stretch(),
            fit,
            whole,
            of=bar,
            margins=0,
            spacing=SPACING // 2,
        )
        return bar

    @Slot()
    def _fit_plots(self) -> None:
        self._plots.setMinimumWidth(Theme.of_application().px(_PLOTS_WIDTH_PX))

    @Slot()
    def _show_gain(self) -> None:
        self._gain.setText(f"× {short_number(f'{self.viewer.gain:g}')}")
