"""Our additions to QDarkStyle's style sheet: sizes, roles, and a calmer look of the basic widgets."""

from app.look.palette import Palette, Sizes


def own_style_sheet(colors: Palette, sizes: Sizes) -> str:
    """Return the additions for one palette at one text scale."""
    return f"""
* {{ font-size: {sizes.body}px; }}
QWidget {{ background-color: {colors.window}; color: {colors.text}; }}
QLabel, QCheckBox, QRadioButton {{ background-color: transparent; padding: 0px; border: none; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: {sizes.indicator}px; height: {sizes.indicator}px; }}
QLabel:disabled, QCheckBox:disabled, QRadioButton:disabled {{
  background-color: transparent; color: {colors.text_disabled}; border: none; }}
QLabel[role="title"] {{ font-size: {sizes.title}px; font-weight: 600; }}
QLabel[role="section"] {{ font-size: {sizes.section}px; font-weight: 600; }}
QLabel[role="caption"] {{ font-size: {sizes.caption}px; color: {colors.text_muted}; }}
QLabel[role="muted"] {{ color: {colors.text_muted}; }}
QLabel[role="warning"] {{ color: {colors.warning}; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="figure"] {{ font-size: {sizes.title}px; font-weight: 600; }}

QFrame[role="panel"], QWidget[role="panel"] {{ background-color: {colors.panel}; border: none; border-radius: 0px; }}
QFrame[role="card"] {{
  background-color: {colors.raised}; border: 1px solid {colors.border}; border-radius: 6px; }}
QFrame[role="card"] QWidget {{ background-color: transparent; }}
QFrame[role="card"] QProgressBar {{ background-color: {colors.hover}; }}
QFrame[role="row"] {{ border: 1px solid transparent; border-radius: 4px; }}
QFrame[role="row"]:hover {{ background-color: {colors.hover}; }}
QFrame[role="row"]:focus {{ border: 1px solid {colors.accent}; }}
QFrame[role="separator"] {{ background-color: {colors.border}; border: none; }}

QPushButton {{
  background-color: {colors.raised}; color: {colors.text}; border: 1px solid {colors.border_strong};
  border-radius: 4px; padding: 5px 12px; min-height: {sizes.body + 5}px; outline: none; }}
QPushButton:hover {{ background-color: {colors.hover}; border-color: {colors.border_strong}; color: {colors.text}; }}
QPushButton:pressed, QPushButton:checked {{
  background-color: {colors.accent_soft}; border-color: {colors.accent}; color: {colors.text}; }}
QPushButton:focus {{ border: 1px solid {colors.accent}; }}
QPushButton:disabled {{
  background-color: {colors.window}; color: {colors.text_disabled}; border: 1px solid {colors.border};
  padding: 5px 12px; }}
QPushButton[role="primary"] {{
  background-color: {colors.accent_fill}; color: {colors.on_accent}; border: 1px solid {colors.accent_fill};
  padding: 7px 20px; font-weight: 600; }}
QPushButton[role="primary"]:hover {{
  background-color: {colors.accent_fill_hover}; border-color: {colors.accent_fill_hover}; }}
QPushButton[role="primary"]:pressed {{ background-color: {colors.accent_fill}; }}
QPushButton[role="primary"]:focus {{ border: 2px solid {colors.text}; padding: 6px 19px; }}
QPushButton[role="primary"]:disabled {{
  background-color: {colors.hover}; color: {colors.text_disabled}; border: 1px solid {colors.hover};
  padding: 7px 20px; }}
QPushButton[role="quiet"] {{ background-color: transparent; border: 1px solid transparent; padding: 5px 8px; }}
QPushButton[role="quiet"]:hover {{ background-color: {colors.hover}; }}
QPushButton[role="quiet"]:pressed, QPushButton[role="quiet"]:checked {{ background-color: {colors.accent_soft}; }}
QPushButton[role="quiet"]:focus {{ border: 1px solid {colors.accent}; }}
QPushButton[role="quiet"]:disabled {{
  background-color: transparent; color: {colors.text_disabled}; border: 1px solid transparent; padding: 5px 8px; }}
QPushButton[role="disclosure"] {{
  background-color: transparent; border: 1px solid transparent; padding: 5px 8px 5px 0px; }}
QPushButton[role="disclosure"]:hover {{ color: {colors.accent}; }}
QPushButton[role="disclosure"]:focus {{ border: 1px solid {colors.accent}; }}

QToolButton {{
  background-color: transparent; color: {colors.text}; border: 1px solid transparent; border-radius: 4px;
  padding: 4px; margin: 0px; }}
QToolButton:hover {{ background-color: {colors.hover}; border: 1px solid transparent; color: {colors.text}; }}
QToolButton:pressed, QToolButton:checked {{
  background-color: {colors.accent_soft}; border: 1px solid transparent; color: {colors.text}; }}
QToolButton:focus {{ border: 1px solid {colors.accent}; }}
QToolButton:disabled {{ background-color: transparent; color: {colors.text_disabled}; }}
QToolButton::menu-indicator {{ image: none; }}

QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTextEdit {{
  background-color: {colors.raised}; color: {colors.text}; border: 1px solid {colors.border_strong};
  border-radius: 4px; padding: 4px 8px; min-height: {sizes.body + 5}px;
  selection-background-color: {colors.accent_fill}; selection-color: {colors.on_accent}; }}
QAbstractSpinBox QLineEdit {{ border: none; padding: 0px; min-height: 0px; background-color: transparent; }}
QLineEdit:hover, QComboBox:hover, QAbstractSpinBox:hover {{ border-color: {colors.text_muted}; }}
QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus {{
  border: 1px solid {colors.accent}; }}
QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{
  background-color: {colors.window}; color: {colors.text_disabled}; border-color: {colors.border}; }}
QLineEdit[invalid="true"], QAbstractSpinBox[invalid="true"] {{ border: 1px solid {colors.warning}; }}
QComboBox::drop-down {{ border: none; width: 20px; background-color: transparent; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{
  background-color: transparent; border: none; width: 16px; margin: 1px; }}
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {{ background-color: {colors.hover}; }}
QComboBox::down-arrow, QAbstractSpinBox::up-arrow, QAbstractSpinBox::up-arrow:disabled,
QAbstractSpinBox::up-arrow:off, QAbstractSpinBox::down-arrow, QAbstractSpinBox::down-arrow:disabled,
QAbstractSpinBox::down-arrow:off {{ width: {sizes.arrow}px; height: {sizes.arrow}px; }}
QComboBox {{ combobox-popup: 0; }}
QComboBox QAbstractItemView {{
  background-color: {colors.raised}; border: 1px solid {colors.border_strong}; outline: none;
  selection-background-color: {colors.accent_soft}; selection-color: {colors.text}; }}
QComboBox QAbstractItemView::item {{ min-height: {sizes.body + 9}px; }}
QComboBox QAbstractItemView::item:disabled {{ color: {colors.text_disabled}; }}

QProgressBar {{
  background-color: {colors.hover}; border: none; border-radius: 3px; min-height: 6px; max-height: 6px;
  text-align: center; }}
QProgressBar::chunk {{ background-color: {colors.accent_fill}; border-radius: 3px; }}

QSlider:horizontal {{ min-height: 20px; background-color: transparent; }}
QSlider:vertical {{ min-width: 20px; background-color: transparent; }}
QSlider {{ background-color: transparent; }}
QSlider:disabled {{ background-color: transparent; }}
QSlider::groove:horizontal {{
  height: 4px; background-color: {colors.border_strong}; border: none; border-radius: 2px; margin: 0px; }}
QSlider::sub-page:horizontal {{ background-color: {colors.accent_fill}; border: none; border-radius: 2px;
  height: 4px; margin: 0px; }}
QSlider::add-page:horizontal {{ background-color: transparent; }}
QSlider::handle:horizontal {{
  background-color: {colors.text}; border: none; border-radius: 7px; width: 14px; height: 14px; margin: -5px 0px; }}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{
  background-color: {colors.accent}; border: none; }}
QSlider::handle:horizontal:disabled, QSlider::sub-page:horizontal:disabled {{
  background-color: {colors.border_strong}; }}

QToolTip {{
  background-color: {colors.raised}; color: {colors.text}; border: 1px solid {colors.border_strong};
  border-radius: 4px; padding: 4px 6px; opacity: 255; }}
QMenu, QMenu:disabled {{
  background-color: {colors.raised}; border: 1px solid {colors.border_strong}; border-radius: 4px; padding: 4px; }}
QMenu::item {{
  background-color: transparent; padding: 6px 24px 6px 12px; margin: 0px; border: none; border-radius: 4px; }}
QMenu::item:selected {{ background-color: {colors.hover}; color: {colors.text}; }}
QMenu::item:disabled {{ color: {colors.text_disabled}; background-color: transparent; }}
QMenu::separator {{ height: 1px; background-color: {colors.border}; margin: 4px 8px; }}

QTableView, QListView, QTreeView {{
  background-color: {colors.window}; border: 1px solid {colors.border}; border-radius: 4px;
  gridline-color: {colors.border}; alternate-background-color: {colors.window}; padding: 0px; outline: none; }}
QTableView:focus, QListView:focus, QTreeView:focus {{ border: 1px solid {colors.border_strong}; }}
QTableView::item, QListView::item, QTreeView::item {{ padding: 2px 8px; border: none; color: {colors.text}; }}
QTableView::item:selected, QListView::item:selected, QTreeView::item:selected,
QTableView::item:selected:active, QListView::item:selected:active, QTreeView::item:selected:active,
QTableView::item:selected:!active, QListView::item:selected:!active, QTreeView::item:selected:!active {{
  background-color: {colors.accent_soft}; color: {colors.text}; }}
QTableView::item:hover:!selected, QListView::item:hover:!selected, QTreeView::item:hover:!selected {{
  background-color: {colors.hover}; color: {colors.text}; }}
QHeaderView {{ background-color: {colors.window}; border: none; }}
QHeaderView::section, QHeaderView::section::horizontal, QHeaderView::section::horizontal::first,
QHeaderView::section::horizontal::only-one {{
  background-color: {colors.window}; color: {colors.text_muted}; border: none;
  border-bottom: 1px solid {colors.border}; padding: 6px 12px; font-size: {sizes.caption}px; font-weight: 400; }}
QHeaderView::down-arrow, QHeaderView::up-arrow {{ background-color: transparent; }}
QHeaderView::section:checked {{ background-color: {colors.window}; color: {colors.text_muted}; }}
QHeaderView::section:hover {{ color: {colors.text}; background-color: {colors.hover}; }}

QScrollArea {{ border: none; border-radius: 0px; padding: 0px; margin: 0px; }}
QScrollBar:vertical {{ background-color: transparent; width: 12px; margin: 0px; border: none; }}
QScrollBar:horizontal {{ background-color: transparent; height: 12px; margin: 0px; border: none; }}
QScrollBar::handle:vertical {{
  background-color: {colors.border_strong}; border: none; border-radius: 3px; min-height: 32px; margin: 3px; }}
QScrollBar::handle:horizontal {{
  background-color: {colors.border_strong}; border: none; border-radius: 3px; min-width: 32px; margin: 3px; }}
QScrollBar::handle:hover {{ background-color: {colors.text_muted}; border: none; }}
QScrollBar::add-line:horizontal, QScrollBar::sub-line:horizontal, QScrollBar::add-line:vertical,
QScrollBar::sub-line:vertical, QScrollBar::add-line:horizontal:hover, QScrollBar::sub-line:horizontal:hover,
QScrollBar::add-line:vertical:hover, QScrollBar::sub-line:vertical:hover, QScrollBar::add-line:horizontal:on,
QScrollBar::sub-line:horizontal:on, QScrollBar::add-line:vertical:on, QScrollBar::sub-line:vertical:on {{
  width: 0px; height: 0px; border: none; background: none; border-image: none; image: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}
QSplitter::handle, QSplitter::handle:horizontal, QSplitter::handle:vertical {{
  background-color: transparent; image: none; border: none; }}
QSplitter::handle:hover {{ background-color: {colors.hover}; }}
QTabWidget::pane {{ border: none; }}
QTabBar {{ background-color: transparent; }}
QTabBar::tab, QTabBar::tab:top, QTabBar::tab:top:!selected {{
  background-color: transparent; color: {colors.text_muted}; border: none; border-bottom: 2px solid transparent;
  border-radius: 0px; padding: 6px 2px; margin: 0px 16px 0px 0px; min-width: 0px; }}
QTabBar::tab:top:selected {{
  color: {colors.text}; border-bottom: 2px solid {colors.accent}; background-color: transparent; }}
QTabBar::tab:hover, QTabBar::tab:top:hover {{
  color: {colors.text}; border: none; border-bottom: 2px solid {colors.border_strong}; }}
QTabBar::tab:top:selected:hover {{ border-bottom: 2px solid {colors.accent}; }}
QTabBar::tab:top:selected:focus {{ background-color: {colors.hover}; }}
QDialog {{ background-color: {colors.window}; }}

#RailButton {{
  min-height: {sizes.rail_button}px; text-align: left; border: none; border-left: 3px solid transparent;
  border-radius: 0px; padding: 0px;
  background-color: transparent; }}
#RailButton:hover {{ background-color: {colors.hover}; }}
#RailButton:checked {{ background-color: {colors.window}; border-left: 3px solid {colors.accent}; }}
#RailButton:focus, #RailButton:checked:focus {{
  border: 2px solid {colors.accent}; border-left: 3px solid {colors.accent}; border-radius: 4px; }}
#PresetCard {{
  padding: 0px; min-height: 0px; background-color: {colors.raised}; border: 1px solid {colors.border};
  border-radius: 6px; text-align: left; }}
#PresetCard:hover {{ border-color: {colors.border_strong}; background-color: {colors.hover}; }}
#PresetCard:checked {{ border: 2px solid {colors.accent}; background-color: {colors.raised}; }}
#PresetCard:focus {{ border-color: {colors.accent}; }}
#PresetCard:disabled {{ background-color: {colors.window}; border-color: {colors.border}; }}
#TrainingPlot, #ThemedPlot {{ border: none; border-radius: 0px; padding: 0px; }}
#DropZone {{
  background-color: transparent; border: 2px dashed {colors.border_strong}; border-radius: 8px; }}
#DropZone[active="true"] {{ border-color: {colors.accent}; background-color: {colors.accent_soft}; }}
#MessageBar {{ background-color: {colors.raised}; border: 1px solid {colors.border_strong}; border-radius: 6px; }}
#MessageBar[severity="warning"], #MessageBar[severity="error"] {{
  background-color: {colors.warning_soft}; border: 1px solid {colors.warning}; }}
#JobRoom {{
  background-color: {colors.panel}; border: none; border-radius: 0px; border-top: 1px solid {colors.border}; }}
#JobBar {{ background-color: {colors.panel}; border: none; }}
#JobBar QProgressBar {{ background-color: {colors.hover}; }}
#JobBar QToolButton:hover {{ background-color: {colors.hover}; }}
#Header {{ background-color: {colors.panel}; border-bottom: 1px solid {colors.border}; }}
#Header QToolButton:hover {{ background-color: {colors.hover}; }}
#Rail {{ background-color: {colors.panel}; border-right: 1px solid {colors.border}; }}
"""
