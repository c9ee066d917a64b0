"""What a training starts from: a run of one's own, the shipped model that fits, a model file, or nothing."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QWidget

from app.core.run_catalog import RunEntry
from app.core.session import Session
from app.core.settings import Settings
from app.look import phrases
from app.look.buttons import button
from app.look.layouts import in_row
from app.look.translation import mark, tr, translate_engine
from app.pages.shared.model_dialogs import ask_for_model_file
from app.widgets.elided_box import ElidedComboBox
from engine.contracts.photo import PhotoRef
from engine.models.starters import StarterModel

FROM_SCRATCH = mark("From scratch")
_HOW_RUNS_CAME = {
    "pretrain": mark("pretrained {time}"),
    "finetune": mark("fine-tuned {time}"),
    "import": mark("imported {time}"),
}
_TIP = mark("The run or model whose knowledge it starts with (parent)")


class StartChoice(QWidget):
    """A list of the models that a training may start from, and a button for any other model file.

    Until a person chooses, it follows the default as runs come and go.

    Attributes:
        box: The list.

    Signals:
        changed: Another start is chosen, by a person or by default.
    """

    changed = Signal()

    def __init__(
        self,
        session: Session,
        settings: Settings,
        task: Callable[[], str],
        default: Callable[[], Path | None],
        parent: QWidget | None = None,
    ) -> None:
        """Build the list.

        Args:
            session: Knows the runs and the shipped models.
            settings: Remember the folder of model files.
            task: The task for which a shipped model is offered.
            default: What to start from unless a person says otherwise; None: from scratch.
            parent: Its owner.
        """
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._task = task
        self._default = default
        self._file: Path | None = None
        self._was_chosen = False
        self._awaited: Path | None = None
        self._paths: list[Path | None] = []
        self._path: Path | None = None
        self.box = ElidedComboBox()
        self.box.setMinimumContentsLength(12)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setAccessibleName(tr("Start from"))
        self.box.setToolTip(tr(_TIP))
        browse = button(tr("Model file …"), "folder-open")
        browse.clicked.connect(self._browse)
        in_row((self.box, 1), browse, of=self, margins=0)
        self.box.activated.connect(self._on_activated)
        session.run_catalog.changed.connect(self.update_list)
        session.folders_changed.connect(self.update_list)
        self.update_list()

    @property
    def path(self) -> Path | None:
        """The run folder or model file to start from; None: from scratch."""
        return self._path

    @Slot(object)
    def choose(self, path: Path) -> None:
        """Start from something, as a person's choice; a run that has just ended enters the list a moment later."""
        self._awaited = path
        self.update_list()

    def choose_file(self, path: Path) -> None:
        """Start from a model file that is no run of the store."""
        self._file = path
        self.choose(path)

    @Slot()
    def update_list(self) -> None:
        """Bring the list up to date: runs, starters, or the task may have changed."""
        titles: dict[Path | None, str] = {}
        if self._file is not None:
            titles[self._file] = self._file.name
        for entry in self._session.run_catalog.runs:
            if entry.has_model:
                titles[entry.path] = _title_of_run(entry)
        starter = self._session.starter_to_learn_from(self._task())
        if starter is not None:
            titles[starter.path] = _title_of_starter(starter)
        titles[None] = tr(FROM_SCRATCH)
        self._paths = list(titles)
        self.box.clear()
        self.box.addItems(list(titles.values()))
        if self._awaited is not None and self._awaited in titles:
            wanted: Path | None = self._awaited
            self._awaited, self._was_chosen = None, True
        else:
            self._was_chosen = self._was_chosen and self._path in titles
            wanted = self._path if self._was_chosen else self._default()
        self._select(wanted if wanted in titles else None)

    def _select(self, path: Path | None) -> None:
        self.box.setCurrentIndex(self._paths.index(path))
        if path != self._path:
            self._path = path
            self.changed.emit()

    @Slot(int)
    def _on_activated(self, row: int) -> None:
        self._awaited, self._was_chosen = None, True
        self._select(self._paths[row])

    @Slot()
    def _browse(self) -> None:
        path = ask_for_model_file(self, tr("Choose a model file"), self._settings)
        if path is not None:
            self.choose_file(path)


def newest_pretrained(session: Session) -> Path | None:
    """Return the newest run that was pretrained on the open photos.

    A fine-tuned one has seen labels already, which could not measure what comes after.
    """
    for entry in session.run_catalog.runs:
        if entry.has_model and entry.record.kind == "pretrain" and _is_of_open_photos(entry, session):
            return entry.path
    return None


def _is_of_open_photos(entry: RunEntry, session: Session) -> bool:
    data = entry.record.data
    if data is None:
        return False
    return any(
        learned.is_in(opened) or opened.is_in(learned)
        for opened in map(PhotoRef.of, session.folders)
        for learned in map(PhotoRef.of, data.folders)
    )


def _title_of_run(entry: RunEntry) -> str:
    record = entry.record
    how = tr(_HOW_RUNS_CAME[record.kind]).format(time=phrases.date_and_time(record.created))
    return f"{record.name}  ·  {how}"


def _title_of_starter(starter: StarterModel) -> str:
    return tr("{model}  ·  ships with Residua").format(model=translate_engine(starter.title))
