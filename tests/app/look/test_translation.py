"""The language of the window: catalogues, what the engine says, and that nothing is left in English."""

import ast
import gettext
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from string import Formatter
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.look import catalogues, phrases
from app.look.phrases import NO_BREAK
from app.look.translation import (
    install_catalogue,
    mark,
    plain_number,
    read_number,
    short_number,
    signed_number,
    tr,
    tr_count,
    translate_engine,
)
from app.pages.compare.figures import closeness_text
from app.pages.compare.panes import PaneChoice, PaneKind
from app.viewer.canvas.pixel_levels import level_text
from app.widgets.config_form import ConfigForm
from app.widgets.field_editors import FloatEditor, IntEditor
from app.widgets.plots.axis import plot_item
from engine.comparing.region_metrics import Closeness
from engine.contracts.configs import ComputeConfig
from engine.contracts.errors import InvalidInputError
from engine.machine.shipped_files import shipped_folders
from engine.translatable import count_of, say, say_counted, say_joined
from tests.warm_processes import run_warm

ROOT = Path(__file__).resolve().parents[3]


def load_script(name: str) -> ModuleType:
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        specification = importlib.util.spec_from_file_location(f"packaging_{name}", ROOT / "packaging" / f"{name}.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("translations")


@pytest.fixture(scope="module")
def texts(script: ModuleType) -> Any:
    """What there is to translate, collected from the whole of the code once."""
    return script.extract()


@pytest.fixture
def english() -> Iterator[None]:
    """Whatever a test installs, the next one reads English."""
    yield
    install_catalogue(catalogues.load_catalogue("en"))


@pytest.fixture
def made_up(script: ModuleType, tmp_path: Path, english: None) -> None:
    """A catalogue that turns a few texts into capitals."""
    catalogue = script.new_catalogue("de")
    catalogue.add("Undo", "UNDO")
    catalogue.add(("{number} run", "{number} runs"), ("ONE RUN", "{number} RUNS"))
    for text, translation in {
        "Stop it first.": "STOP IT.",
        "The run “{name}” is still running.": "STILL RUNNING: {name}.",
        "The {role} cannot be read: {reason}": "{reason} SO {role} IS NOT READ",
        "{file} is not there.": "NOT THERE: {file}",
        "Noisy photo": "NOISY PHOTO",
        ("{number} photo", "{number} photos"): ("ONE PHOTO", "{number} PHOTOS"),
        ("{number} of {total} photos", "{number} of {total} photos"): ("ONE OF {total}", "{number} OF {total}"),
        "1,234.5 is said": "TOLD",
        "Device": "DEVICE",
        "The photos' own noise": "OWN NOISE",
    }.items():
        catalogue.add(text, translation, context="engine")
    path = tmp_path / "residua.mo"
    path.write_bytes(script.compiled(catalogue))
    with path.open("rb") as file:
        install_catalogue(gettext.GNUTranslations(file))


def test_without_a_catalogue_texts_stay_english(english: None) -> None:
    assert tr("Undo") == mark("Undo") == "Undo"
    assert tr("") == ""
    assert tr_count("{number} run", "{number} runs", 2).format(number=2) == "2 runs"
    assert translate_engine("Anything at all.") == "Anything at all."


@pytest.mark.usefixtures("made_up")
def test_texts_counts_and_unknown_texts() -> None:
    assert tr("Undo") == "UNDO"
    assert tr("Not in it") == "Not in it"
    assert tr_count("{number} run", "{number} runs", 1) == "ONE RUN"
    assert tr_count("{number} run", "{number} runs", 3).format(number=3) == "3 RUNS"


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop it first.", "STOP IT."),
        (say("The run “{name}” is still running.", name="my {name} run"), "STILL RUNNING: my {name} run."),
        (
            say_joined([say("The run “{name}” is still running.", name="a\nb"), "", "Stop it first."]),
            "STILL RUNNING: a\nb. STOP IT.",
        ),
        (
            say("The {role} cannot be read: {reason}", role="noisy", reason=say("{file} is not there.", file="1.jpg")),
            "NOT THERE: 1.jpg SO noisy IS NOT READ",
        ),
        # A title stands for itself where something is filled in; one word may be a file's name.
        (say("The run “{name}” is still running.", name="Noisy photo"), "STILL RUNNING: NOISY PHOTO."),
        (say("The run “{name}” is still running.", name="Device"), "STILL RUNNING: Device."),
        (count_of(1, "photo"), "ONE PHOTO"),
        (count_of(1240, "photo"), "1,240 PHOTOS"),
        (say_counted("{number} of {total} photos", "{number} of {total} photos", 1, total=3), "ONE OF 3"),
        (say_counted("{number} of {total} photos", "{number} of {total} photos", 2, total=3), "2 OF 3"),
        (
            str(InvalidInputError(say("{file} is not there.", file=Path("a.png")), "Stop it first.")),
            "NOT THERE: a.png STOP IT.",
        ),
        ("Nobody knows this.", "Nobody knows this."),
        (say("Nobody knows {this}.", this="it"), "Nobody knows it."),
        (say("Nobody knows {these:,.1f}: {this!r}.", these=1234.56, this="it"), "Nobody knows 1,234.6: 'it'."),
        ("", ""),
    ],
)
def test_what_the_engine_says_is_filled_in_anew(text: str, expected: str) -> None:
    assert translate_engine(text) == expected


@pytest.mark.usefixtures("made_up")
def test_a_translation_with_unknown_fields_is_shown_and_never_fails(script: ModuleType, tmp_path: Path) -> None:
    catalogue = script.new_catalogue("de")
    catalogue.add("{file} is not there.", "{datei} {} fehlt: {0}", context="engine")
    path = tmp_path / "broken.mo"
    path.write_bytes(script.compiled(catalogue))
    with path.open("rb") as file:
        install_catalogue(gettext.GNUTranslations(file))
    assert translate_engine(say("{file} is not there.", file="a.png")) == "{datei} {} fehlt: {0}"


@pytest.mark.usefixtures("made_up")
def test_a_form_of_settings_speaks_the_language(qtbot: QtBot) -> None:
    form = ConfigForm(ComputeConfig)
    qtbot.addWidget(form)
    assert form.editor("device").accessibleName() == "DEVICE"


def test_a_damaged_or_missing_catalogue_is_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, english: None
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    path = tmp_path / "assets" / "translations" / "de" / "LC_MESSAGES" / "residua.mo"
    path.parent.mkdir(parents=True)
    for content in (b"", b"\xde\x12\x04\x95\x00\x00", b"no catalogue at all"):
        path.write_bytes(content)
        install_catalogue(catalogues.load_catalogue("de"))
        assert tr("Undo") == "Undo"
    assert "cannot be read" in caplog.text
    assert catalogues.language_of("xx") == "en"


def test_the_systems_language_is_taken_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class System:
        def __init__(self, *names: str) -> None:
            self.names = list(names)

        def uiLanguages(self) -> list[str]:  # noqa: N802 - Qt's name
            return self.names

    for names, expected in {("de-AT", "en-US"): "de", ("fr-FR", "de_DE"): "de", ("fr",): "en", (): "en"}.items():
        monkeypatch.setattr(QLocale, "system", lambda names=names: System(*names))
        assert catalogues.language_of("system") == expected
    assert catalogues.language_of("de") == "de"


def test_german_reaches_the_first_word_of_a_verdict_the_starters_and_the_numbers(english: None) -> None:
    install_catalogue(catalogues.load_catalogue("de"))
    verdict = translate_engine(
        say("Done: the residual looks like noise and holds at most {percent} % picture.", percent=9)
    )
    assert verdict == "Fertig: Das Residuum sieht nach Rauschen aus und enthält höchstens 9 % Bildinhalt."
    assert PaneChoice(PaneKind.MODEL, "Denoise (starter)", Path("x")).title == "Entrauschen (Startmodell)"
    assert closeness_text(Closeness(33.2, 0.874)) == f"33,20{NO_BREAK}dB · SSIM 0,874"
    assert (signed_number(1.5, 2), signed_number(-1234.5, 1)) == ("+1,50", "−1.234,5")


def test_short_numbers_have_the_languages_decimal_sign(english: None) -> None:
    assert (short_number("+1.5"), level_text(-3.25), level_text(65535.0)) == ("+1.5", "−3.2", "65535")
    install_catalogue(catalogues.load_catalogue("de"))
    assert (short_number("+1.5"), level_text(-3.25), level_text(65535.0)) == ("+1,5", "−3,2", "65535")
    assert short_number(f"{-1234.5:,.1f}") == "−1.234,5"
    assert [read_number(text) for text in ("−0,5", "1.5", "1e−3", short_number("0.0003"))] == [-0.5, 1.5, 1e-3, 3e-4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            say(
                "{photos} with {num_pixels:.1f} megapixels show little variety.",
                photos=count_of(8, "photo"),
                num_pixels=0.4,
            ),
            "8 Fotos mit 0,4 Megapixeln",
        ),
        (
            say("Training has become unstable near step {step:,}: a loss is no longer a finite number.", step=1240),
            "Schritt 1.240",
        ),
        (say("{file} is not there.", file="v1.2 final.tif"), "v1.2 final.tif"),
        (
            say(
                "{photos} of {num_photos:,} repeat another one exactly.",
                photos=count_of(1003, "photo"),
                num_photos=2004,
            ),
            "1.003 Fotos von 2.004",
        ),
    ],
)
def test_numbers_in_what_the_engine_says_are_the_languages(english: None, text: str, expected: str) -> None:
    install_catalogue(catalogues.load_catalogue("de"))
    assert expected in translate_engine(text)


def test_no_german_text_holds_an_english_number(script: ModuleType) -> None:
    is_number = re.compile(r"\b0\.\d|\d\.\d(?!\d{2})|\b[1-9]\d{0,2},\d{3}\b")
    kept = re.compile(r"CC0 1\.0|Apache-2\.0")
    wrong = []
    for message in script.read_catalogue("de"):
        texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and message.id != "1,234.5":
            wrong += [text for text in texts if is_number.search(kept.sub("", text))]
    assert wrong == []


def test_axes_fields_and_spin_boxes_are_the_languages(qtbot: QtBot, english: None) -> None:
    before = QLocale()
    install_catalogue(catalogues.load_catalogue("de"))
    QLocale.setDefault(QLocale("de"))
    try:
        axis = plot_item().getAxis("left")
        assert axis.tickStrings([0.25, 0.5, -1.5], 1.0, 0.05) == ["0,25", "0,50", "−1,50"]
        field = FloatEditor("dB")
        whole = IntEditor(minimum=0, maximum=None, step=1, unit="px")
        for widget in (field, whole):
            qtbot.addWidget(widget)
        field.set_value(0.0003)
        whole.set_value(12000)
        assert [edit.text() for edit in field.findChildren(QLineEdit)] == [f"0,0003{NO_BREAK}dB"]
        assert field.value() == 0.0003
        assert [box.text() for box in whole.findChildren(QSpinBox)] == [f"12.000{NO_BREAK}px"]
    finally:
        QLocale.setDefault(before)


_NUMBER_FORMAT = re.compile(r"[,.efgGn%]")
_COUNTED = re.compile(r"(len|sum)\(|(.*\.)?num_\w+$")


def numbers_past_the_door(path: Path) -> list[str]:
    """Numbers that are written as English ones: by a format, or with no formatting at all where they may be large."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def goes_through_the_door(node: ast.AST) -> bool:
        while node in owners and not isinstance(node, ast.stmt):
            node = owners[node]
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "short_number":
                return True
        return False

    found: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = "".join(str(part.value) for part in ast.walk(node.format_spec) if isinstance(part, ast.Constant))
            if _NUMBER_FORMAT.search(spec) and "%Y" not in spec and not goes_through_the_door(node):
                found.append(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"\{\w+:[+\d,.]*[a-z%]?\}", node.value):
                found.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            found += [each.value for each in node.keywords if _COUNTED.match(ast.unparse(each.value))]
    return [f"{path.name}: {ast.unparse(node)}" for node in found]


def test_every_number_of_the_window_goes_through_one_door(tmp_path: Path) -> None:
    other = {"translation.py", "self_test.py", "error_reporting.py", "theme.py", "style_sheet.py"}
    files = [path for path in (ROOT / "app").rglob("*.py") if path.name not in other]
    assert [text for path in files for text in numbers_past_the_door(path)] == []
    wrong = tmp_path / "wrong.py"
    wrong.write_text('a = f"{x:.2f}"\nb = f"{n:,}"\nc = tr("{v:+.3f} dB")\nd = tr("{n} x").format(n=len(x))\n')
    assert len(numbers_past_the_door(wrong)) == 4


def unmarked_names(path: Path) -> list[str]:
    """Titles and tips of classes that the extraction does not see, since nothing translates them where they stand."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(part, ast.Assign | ast.AnnAssign) and isinstance(part.value, ast.Constant):
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                is_shown = any(ast.unparse(target) in {"title", "tip"} for target in targets)
                found += [ast.unparse(part)] if is_shown and part.value.value else []
    return [f"{path.name}: {text}" for text in found]


def test_every_title_and_tip_of_a_class_is_marked(tmp_path: Path) -> None:
    assert [text for path in (ROOT / "app").rglob("*.py") for text in unmarked_names(path)] == []
    wrong = tmp_path / "wrong.py"
    wrong.write_text("class A:\n    title = 'Photos'\n    tip: str = 'Open.'\n    name = mark('x')\n    note = 'x'\n")
    assert len(unmarked_names(wrong)) == 2


def test_a_start_in_german_speaks_german(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"values": {"language": "de"}}')
    # It loads torch behind its window, and waits for that when it ends: a warm process has it.
    program = tmp_path / "start.py"
    program.write_text(
        "import sys, app.main\n"
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication, QDialogButtonBox\n"
        "application = QApplication([])\n"
        "def look():\n"
        "    from app.look.translation import tr\n"
        "    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)\n"
        "    print(tr('Undo'), box.buttons()[0].text())\n"
        "    [w.close() for w in application.topLevelWidgets() if w.inherits('QMainWindow')]\n"
        "QTimer.singleShot(0, look)\n"
        "sys.exit(app.main.main([]))\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "RESIDUA_DATA": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    ended = run_warm(program, environment=environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["Rückgängig", "Abbrechen"]


def test_shipped_folders_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(name: str) -> metadata.PackagePath:
        path = metadata.PackagePath(name)
        path.dist = SimpleNamespace(locate_file=lambda path: tmp_path / "somewhere" / path)  # type: ignore[assignment]
        return path

    names = ("app/main.py", "../share/residua/translations/de/LC_MESSAGES/residua.mo")
    files = [installed(name) for name in names]
    monkeypatch.setattr("engine.machine.shipped_files.metadata.files", lambda _: files)
    assert list(shipped_folders("translations"))[-1] == tmp_path / "share" / "residua" / "translations"
    assert tmp_path not in {folder.parents[2] for folder in shipped_folders("starters")}


def test_the_compiled_catalogues_are_those_of_the_sources(script: ModuleType) -> None:
    assert script.languages() == ["de"]
    for code in script.languages():
        with script.mo_file(code).open("rb") as file:
            shipped = vars(gettext.GNUTranslations(file))["_catalog"]
        assert shipped == read_bytes(script, script.compiled(script.read_catalogue(code)))


def read_bytes(script: ModuleType, content: bytes) -> dict[Any, str]:
    texts = vars(gettext.GNUTranslations(script.io.BytesIO(content)))["_catalog"]
    assert isinstance(texts, dict)
    return texts


def test_no_translation_has_other_fields(script: ModuleType, texts: Any) -> None:
    for code in script.languages():
        wrong = [text for text in script.complaints(script.read_catalogue(code), texts) if text.startswith("other")]
        assert wrong == []


def test_every_text_is_translated(script: ModuleType, texts: Any) -> None:
    for code in script.languages():
        assert list(script.complaints(script.read_catalogue(code), texts)) == []


def test_what_the_engine_says_is_collected(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "module.py").write_text(
        '"""A docstring is no text."""\n'
        "from typing import Annotated\n"
        "x: Annotated[int, Field(title='Speed', description='How fast it goes.')] = 1\n"
        "def f(name, n):\n"
        "    logger.info('The log is no text.')\n"
        "    if n < 0:\n"
        "        raise ValueError('Programmers read this one.')\n"
        "    found = say_counted('{number} photo', '{number:,} photos', n)\n"
        "    print(count_of(n, 'pair'), say('{low:.1f} to {high}' if n else '{low}', low=1, high=2))\n"
        "    raise InvalidInputError(say('{name!r} has {found}.', name=name, found=found), 'Add ' 'one more.')\n",
        encoding="utf-8",
    )
    (tmp_path / "engine" / "cli").mkdir()
    shutil.copy(tmp_path / "engine" / "module.py", tmp_path / "engine" / "cli" / "more.py")
    collector = load_script("engine_texts")
    texts = collector.engine_texts(tmp_path)
    assert set(texts) == {
        "Speed",
        "How fast it goes.",
        ("{number} photo", "{number} photos"),
        ("{number} pair", "{number} pairs"),
        "{low} to {high}",
        "{name} has {found}.",
        "Add one more.",
    }
    assert texts["Speed"] == ["engine/module.py"]
    assert collector.lost_texts(tmp_path) == []
    (tmp_path / "engine" / "module.py").write_text("def f(name):\n    return f'{name} is not there.'\n")
    assert collector.lost_texts(tmp_path) == ["engine/module.py:2: f'{name} is not there.'"]


def test_nothing_that_the_engine_says_is_filled_in_by_an_f_string() -> None:
    assert load_script("engine_texts").lost_texts(ROOT) == []


def test_every_template_of_the_engine_is_given_what_it_names() -> None:
    """A template is a literal, or a choice of literals, whose fields are what the call fills in."""
    wrong = []
    for path in sorted((ROOT / "engine").rglob("*.py")):
        if path.name == "translatable.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            num_templates = (
                {"say": 1, "say_counted": 2}.get(ast.unparse(node.func), 0) if isinstance(node, ast.Call) else 0
            )
            if not num_templates:
                continue
            given = {keyword.arg for keyword in node.keywords} | ({"number"} if num_templates == 2 else set())
            for template in node.args[:num_templates]:
                choices = [template.body, template.orelse] if isinstance(template, ast.IfExp) else [template]
                literals = [str(each.value) if isinstance(each, ast.Constant) else "" for each in choices]
                fields = {field for text in literals for _, field, *_ in Formatter().parse(text) if field is not None}
                missing = fields ^ given if num_templates == 1 else fields - given
                if missing or not all(literals):
                    wrong.append(f"{path.name}:{node.lineno}: {missing or 'no literal'}")
    assert wrong == []


def test_translators_mistakes_are_found(script: ModuleType) -> None:
    template = script.new_catalogue("de")
    german = script.new_catalogue("de")
    for catalogue, translation in ((template, ""), (german, "{nmae} fehlt")):
        catalogue.add("{name} is missing", translation)
        catalogue.add("Undo", "")
    assert sorted(script.complaints(german, template)) == [
        "not translated: 'Undo' (window)",
        "other fields: '{name} is missing': {name}, {nmae}",
    ]


def test_whatever_is_counted_can_be_translated() -> None:
    nouns = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("count", "phrases.count"):
                nouns |= {part.value for part in node.args[1:] if isinstance(part, ast.Constant)}
    assert nouns
    assert nouns <= set(phrases._NOUNS)


def test_settings_that_are_numbers_are_the_languages(english: None) -> None:
    install_catalogue(catalogues.load_catalogue("de"))
    assert [plain_number(value) for value in (0.05, 40_000, True, "a 1.5", None)] == [
        "0,05",
        "40.000",
        "True",
        "a 1.5",
        "None",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "expected"), [(1240, 0, "1.240"), (-1234.56, 1, "-1.234,6"), (0.5, 2, "0,50")]
)
def test_numbers_are_written_as_the_language_writes_them(
    script: ModuleType, tmp_path: Path, english: None, value: float, digits: int, expected: str
) -> None:
    catalogue = script.new_catalogue("de")
    catalogue.add("1,234.5", "1.234,5")
    path = tmp_path / "residua.mo"
    path.write_bytes(script.compiled(catalogue))
    assert phrases.number(value, digits) == f"{value:,.{digits}f}"
    with path.open("rb") as file:
        install_catalogue(gettext.GNUTranslations(file))
    assert phrases.number(value, digits) == expected
