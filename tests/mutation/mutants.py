"""The mutants of a module: cosmic-ray's operators, those that change one thing in one way."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

USED = (
    # Another sign, another direction.
    r"ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_FloorDiv|Pow_Mul|BitAnd_BitOr|BitOr_BitAnd)",
    # The edge moved, and the contrary.
    r"ReplaceComparisonOperator_(Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)",
    r"ReplaceUnaryOperator_(Delete_.*|USub_UAdd)",
    r"NumberReplacer|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|AddNot",
    r"ReplaceBreakWithContinue|ReplaceContinueWithBreak|ZeroIterationForLoop|ExceptionReplacer|RemoveDecorator",
)
"""cosmic-ray's operators that are used. The others change the same places in further ways: an operator into one that no
type supports, identity into equality."""

TYPE_CHECKED = re.compile(r"@dataclass\(.*")
"""Lines without behaviour of their own: the mark of arguments by keyword and frozen classes, which mypy sees to."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        module: The module's file, relative to the project.
        operator: cosmic-ray's name of the change.
        occurrence: Which of the places that the operator could change.
        line: Where; counted from 1.
        before: The line as it is.
        after: The line as it is made, or what was left out of it.
        code: The whole changed module.
    """

    module: Path
    operator: str
    occurrence: int
    line: int
    before: str
    after: str
    code: str

    @property
    def key(self) -> str:
        """Names it as long as the module stays as it is."""
        return f"{self.module}:{self.line} {self.operator} {self.occurrence}"


def mutants_of(project: Path, module: Path) -> list[Mutant]:
    """Make every mutant of a module, from its first line to its last; of those with the same code one."""
    code = (project / module).read_text(encoding="utf-8")
    nodes = list(ast_nodes(get_ast(code)))
    silent = _lines_and_columns_of_annotations(code)
    found: dict[str, Mutant] = {}
    for name in sorted(operator_names()):
        if not any(re.fullmatch(f"core/({pattern})", name) for pattern in USED):
            continue
        operator = get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            if start in silent:
                continue
            mutated = mutate_code(code, operator, occurrence)
            if mutated is None or mutated in found or mutated == code:
                continue
            line, before, after = _difference(code, mutated)
            if TYPE_CHECKED.fullmatch(before) or before.replace("*,", "/,") == after:
                continue
            found[mutated] = Mutant(module, name.removeprefix("core/"), occurrence, line, before, after, mutated)
    return sorted(found.values(), key=lambda mutant: (mutant.line, mutant.operator, mutant.occurrence))


def _lines_and_columns_of_annotations(code: str) -> set[tuple[int, int]]:
    """Return all places inside of annotations, which do nothing at run time."""
    lines = code.splitlines()
    places: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(code)):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for part in parts:
            if not isinstance(part, ast.expr) or part.end_lineno is None:
                continue
            for line in range(part.lineno, part.end_lineno + 1):
                places |= {(line, column) for column in range(len(lines[line - 1]) + 1)} & {
                    (line, column)
                    for column in range(
                        part.col_offset if line == part.lineno else 0,
                        part.end_col_offset if line == part.end_lineno else len(lines[line - 1]) + 1,
                    )
                }
    return places


def _difference(before: str, after: str) -> tuple[int, str, str]:
    old, new = before.splitlines(), after.splitlines()
    first = next(index for index, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    return first + 1, old[first].strip(), new[first].strip()
