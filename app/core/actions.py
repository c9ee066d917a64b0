"""One table of what the keys do: menus, tooltips, shortcuts and the cheat sheet are made from it.

The view modes have their keys in their own rows, `app.viewer.view_modes.VIEW_MODES`.
"""

from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.look.translation import mark, tr

PAGE_IDS = ("photos", "restore", "compare", "pretrain", "labels", "finetune", "runs")
"""The pages in their order in the rail."""


@dataclass(frozen=True)
class ActionSpec:
    """One action.

    Attributes:
        text: Verb and object, as in a menu.
        keys: Its key sequences in Qt's portable form, e.g. "Ctrl+O"; the first is shown.
        group: Heading in the cheat sheet.
    """

    text: str
    keys: tuple[str, ...]
    group: str


_WINDOW = mark("Window")
_PAGES = mark("Pages")
VIEW_GROUP = mark("Comparing and looking")
"""Here stand the keys of `app.viewer.view_modes`, too."""
_PHOTOS = mark("Photos")
_RESTORING = mark("Restore")
_TRAINING = mark("Training")
_RUNS = mark("Runs")

ACTIONS: dict[str, ActionSpec] = {
    "window.open_folder": ActionSpec("Open a folder of photos", ("Ctrl+O",), _WINDOW),
    "window.undo": ActionSpec("Undo", ("Ctrl+Z",), _WINDOW),
    "window.redo": ActionSpec("Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), _WINDOW),
    "window.toggle_theme": ActionSpec("Switch between dark and light", ("Ctrl+T",), _WINDOW),
    "window.pause_job": ActionSpec("Pause or resume the job", ("Ctrl+P",), _WINDOW),
    "window.job_queue": ActionSpec("Show or hide the queue of jobs", ("Ctrl+J",), _WINDOW),
    "window.inspect_residual": ActionSpec("Inspect what was taken away from the photo", ("Ctrl+I",), _WINDOW),
    "window.levels": ActionSpec("Black and white of the photo by hand", ("Ctrl+B",), _WINDOW),
    "window.open_in": ActionSpec("Open the photo or its result in another program", ("Ctrl+Shift+O",), _WINDOW),
    "window.channels": ActionSpec("Channels of the photo together, or one by one", ("Ctrl+Shift+B",), _WINDOW),
    "window.settings": ActionSpec("Settings", ("Ctrl+,",), _WINDOW),
    "window.shortcuts": ActionSpec("Show all shortcuts", ("F1", "?"), _WINDOW),
    "window.quit": ActionSpec("Quit", ("Ctrl+Q",), _WINDOW),
    "page.photos": ActionSpec("Photos", ("Ctrl+1",), _PAGES),
    "page.restore": ActionSpec("Restore", ("Ctrl+2",), _PAGES),
    "page.compare": ActionSpec("Compare", ("Ctrl+3",), _PAGES),
    "page.pretrain": ActionSpec("Pretrain", ("Ctrl+4",), _PAGES),
    "page.labels": ActionSpec("Labels", ("Ctrl+5",), _PAGES),
    "page.finetune": ActionSpec("Fine-tune", ("Ctrl+6",), _PAGES),
    "page.runs": ActionSpec("Runs", ("Ctrl+7",), _PAGES),
    "training.earlier_preview": ActionSpec("Earlier picture of a training", (",",), _TRAINING),
    "training.later_preview": ActionSpec("Later picture of a training", (".",), _TRAINING),
    "training.first_is_real": ActionSpec("Photo or twin: A is the photo", ("1",), _TRAINING),
    "training.second_is_real": ActionSpec("Photo or twin: B is the photo", ("2",), _TRAINING),
    "photos.exclude": ActionSpec("Leave the selected photos out, or take them back", ("Del",), _PHOTOS),
    "photos.keep_only": ActionSpec("Use the selected photos only", ("Ctrl+K",), _PHOTOS),
    "photos.find": ActionSpec("Filter by name", ("Ctrl+F",), _PHOTOS),
    "photos.filter": ActionSpec("Filter by camera, ISO, date, noise, size", ("Ctrl+Shift+F",), _PHOTOS),
    "photos.map": ActionSpec("Show the noise map, or the thumbnails again", ("Ctrl+M",), _PHOTOS),
    "photos.stretch": ActionSpec("Stretch the contrast of the thumbnails", ("Ctrl+L",), _PHOTOS),
    "photos.select_all": ActionSpec("Select all", ("Ctrl+A",), _PHOTOS),
    "restore.before": ActionSpec("See the photo as it was, while the key is held", ("B",), _RESTORING),
    "restore.photo": ActionSpec("Restore the photo that is shown", ("Ctrl+Return",), _RESTORING),
    "restore.shown": ActionSpec("Restore the selected photos, or all of the list", ("Ctrl+Shift+Return",), _RESTORING),
    "runs.find": ActionSpec("Find runs", ("Ctrl+F",), _RUNS),
    "runs.rename": ActionSpec("Rename the run", ("F2",), _RUNS),
    "runs.delete": ActionSpec("Delete the selected runs", ("Del",), _RUNS),
    "view.pane_1": ActionSpec("Show pane 1 alone", ("1",), VIEW_GROUP),
    "view.pane_2": ActionSpec("Show pane 2 alone", ("2",), VIEW_GROUP),
    "view.pane_3": ActionSpec("Show pane 3 alone", ("3",), VIEW_GROUP),
    "view.pane_4": ActionSpec("Show pane 4 alone", ("4",), VIEW_GROUP),
    "view.pane_5": ActionSpec("Show pane 5 alone", ("5",), VIEW_GROUP),
    "view.pane_6": ActionSpec("Show pane 6 alone", ("6",), VIEW_GROUP),
    "view.fit": ActionSpec("Fit the photo into the pane", ("F",), VIEW_GROUP),
    "view.one_to_one": ActionSpec("One photo pixel to one screen pixel", ("Z",), VIEW_GROUP),
    "view.two_to_one": ActionSpec("One photo pixel to two by two screen pixels", ("Shift+Z",), VIEW_GROUP),
    "view.zoom_in": ActionSpec("Zoom in", ("+", "="), VIEW_GROUP),
    "view.zoom_out": ActionSpec("Zoom out", ("-",), VIEW_GROUP),
    "view.split_left": ActionSpec("Move the split to the left", ("Shift+Left",), VIEW_GROUP),
    "view.split_right": ActionSpec("Move the split to the right", ("Shift+Right",), VIEW_GROUP),
    "view.gain_down": ActionSpec("Amplify less", ("[",), VIEW_GROUP),
    "view.gain_up": ActionSpec("Amplify more", ("]",), VIEW_GROUP),
    "view.reset_looking": ActionSpec("Put exposure, gamma and shifted panes back", ("0",), VIEW_GROUP),
    "view.smooth": ActionSpec("Enlarge smoothly, or as squares", ("N",), VIEW_GROUP),
    "view.pixel_grid": ActionSpec("Lines between enlarged pixels", ("G",), VIEW_GROUP),
    "view.shift_left": ActionSpec("Shift one pane to the left, or drag it with Alt or Ctrl", ("Alt+Left",), VIEW_GROUP),
    "view.shift_right": ActionSpec("Shift one pane to the right", ("Alt+Right",), VIEW_GROUP),
    "view.shift_up": ActionSpec("Shift one pane up", ("Alt+Up",), VIEW_GROUP),
    "view.shift_down": ActionSpec("Shift one pane down", ("Alt+Down",), VIEW_GROUP),
    "view.previous_photo": ActionSpec("Previous photo", ("Left",), VIEW_GROUP),
    "view.next_photo": ActionSpec("Next photo", ("Right",), VIEW_GROUP),
    "view.brighter": ActionSpec("Show brighter, for looking only", (".",), VIEW_GROUP),
    "view.darker": ActionSpec("Show darker, for looking only", (",",), VIEW_GROUP),
    "view.gamma_up": ActionSpec("Lift the shadows, for looking only", (":", ">"), VIEW_GROUP),
    "view.gamma_down": ActionSpec("Lower the shadows, for looking only", (";", "<"), VIEW_GROUP),
    "view.false_colours": ActionSpec("False colours", ("C",), VIEW_GROUP),
    "view.signed": ActionSpec("Difference with or without its sign", ("Shift+D",), VIEW_GROUP),
    "view.flicker_timer": ActionSpec("Flicker by itself", ("T",), VIEW_GROUP),
    "view.histogram": ActionSpec("Show or hide the histograms", ("H",), VIEW_GROUP),
    "view.profile": ActionSpec("Show or hide the line profile (or drag with Shift and Ctrl)", ("P",), VIEW_GROUP),
    "view.region": ActionSpec("Measure what is in view (or drag with Shift)", ("M",), VIEW_GROUP),
    "view.clear_region": ActionSpec("Measure the whole photo again", ("Esc",), VIEW_GROUP),
    "view.export": ActionSpec("Export the view as a picture", ("Ctrl+E",), VIEW_GROUP),
    "view.export_page": ActionSpec("Export a page with a slider", ("Ctrl+Shift+E",), VIEW_GROUP),
    "view.vote_first": ActionSpec("Blind test: A is better", ("Q",), VIEW_GROUP),
    "view.vote_same": ActionSpec("Blind test: no difference", ("W",), VIEW_GROUP),
    "view.vote_second": ActionSpec("Blind test: B is better", ("E",), VIEW_GROUP),
}


def make_action(action: str | ActionSpec, parent: QWidget) -> QAction:
    """Return an action, given by its name in the table or as a row, with text and keys, added to `parent`."""
    spec = _spec(action)
    result = QAction(tr(spec.text), parent)
    result.setShortcuts([QKeySequence(keys) for keys in spec.keys])
    parent.addAction(result)
    return result


def shown_keys(action: str | ActionSpec) -> str:
    """Return an action's keys as this system writes them: "Ctrl+O", "⌘O"; several are joined by "or"."""
    sequences = (QKeySequence(keys) for keys in _spec(action).keys)
    return tr(" or ").join(sequence.toString(QKeySequence.SequenceFormat.NativeText) for sequence in sequences)


def tip_with_keys(tip: str, action: str | ActionSpec) -> str:
    """Return a tooltip that names the action's keys."""
    return f"{tip} ({shown_keys(action)})"


def _spec(action: str | ActionSpec) -> ActionSpec:
    return ACTIONS[action] if isinstance(action, str) else action
