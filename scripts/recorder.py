"""An IPython extension: note the numbers that a chapter asserts and prints.

`scripts/portability.py` loads it into the kernels of the chapters and compares what it finds under
different kernels of MKL, oneDNN and ATen. It goes through a cell's source before the cell runs:

- the two sides of each comparison `<`, `<=`, `>`, `>=` in an `assert`, or outside of a function,
  are noted (those of `allclose` too, as the difference and what is allowed);
- the number in each f-string with a format such as `.3f`, in each `"{:.3f}".format(…)` and in each
  `round(…, 3)` is noted with the size of its last digit.

What a chapter prints without a format, or compares inside a function of its own, is not seen.

Each line of the file that COURSE_RECORD names is one note, as JSON: cell, text, kind, numbers.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import json
import math
import operator
import os
import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np

NOTE = "_course_note"
BOUNDS = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
CLOSE = {"allclose": (1e-5, 1e-8), "isclose": (1e-5, 1e-8)}  # rtol and atol of torch and numpy
DIGITS = re.compile(r",?\.(-?\d+)([feg%])$")
LONG = 2_000  # of more numbers in one comparison, only three are kept


def numbers(value: Any) -> np.ndarray:
    """A value as an array in double precision; an error if it holds no numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


def last_digit(value: float, form: str) -> float:
    """What one unit of the last printed digit is worth; 0 if the format does not say."""
    found = DIGITS.search(form)
    if not found or not math.isfinite(value):
        return 0.0
    power = -int(found[1])
    if found[2] == "%":
        power -= 2
    elif found[2] in "eg":  # from the first digit on; g counts this one too
        power += math.floor(math.log10(abs(value))) if value else 0
        power += found[2] == "g"
    return 10.0**power


class Notes(ast.NodeTransformer):
    """Rewrite a cell so that it tells its numbers, and does what it did."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.cell = 0
        self.asserting = False
        self.functions = 0  # how deep in functions

    def write(self, text: str, kind: str, values: np.ndarray, **more: float) -> None:
        flat = np.ravel(values)
        if flat.size > LONG:  # the least, the greatest, and the nearest to the bound
            flat = np.array([flat.min(), flat.max(), flat[np.abs(flat).argmin()]])
        line = {"cell": self.cell, "text": text, "kind": kind, "values": flat.tolist(), **more}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    # What the rewritten cells call.

    def compared(
        self, text: str, sides: list[Callable[[], Any]], signs: list[str], asserted: bool
    ) -> Any:
        """The chain a < b < c, with each side taken once and in turn, as Python does it."""
        left = sides[0]()
        for sign, side in zip(signs, sides[1:], strict=True):
            right = side()
            if asserted or not (isinstance(left, int) and isinstance(right, int)):
                # Some sides are no numbers, and some are infinite.
                with contextlib.suppress(TypeError, ValueError), np.errstate(invalid="ignore"):
                    self.write(text, "bound", numbers(left) - numbers(right))
            answer = getattr(operator, sign)(left, right)
            if len(signs) > 1 and not answer:
                break
            left = right
        return answer

    def close(
        self, text: str, function: Callable, a: Any, b: Any, *rest: Any, **options: Any
    ) -> Any:
        default = (1e-9, 0.0) if function is math.isclose else CLOSE["isclose"]
        rtol = rest[0] if rest else options.get("rtol", options.get("rel_tol", default[0]))
        atol = rest[1] if len(rest) > 1 else options.get("atol", options.get("abs_tol", default[1]))
        with contextlib.suppress(TypeError, ValueError), np.errstate(invalid="ignore"):
            left, right = numbers(a), numbers(b)
            self.write(text, "bound", np.abs(left - right) - (atol + rtol * np.abs(right)))
        return function(a, b, *rest, **options)

    def formatted(self, text: str, template: str, *values: Any, **named: Any) -> str:
        """What `template.format(…)` gives; its numbers are noted."""
        count = 0
        for _, field, form, _ in string.Formatter().parse(template):
            if field is not None:
                key = field or str(count)
                count += not field
                value = values[int(key)] if key.isdigit() else named.get(key)
                self.printed(f"{text}, {key}", value, form or "")
        return template.format(*values, **named)

    def printed(self, text: str, value: Any, form: str) -> Any:
        try:
            number = float(numbers(value))
        except (TypeError, ValueError):
            return value
        if not isinstance(value, int) and (unit := last_digit(number, form)):
            self.write(text, "digit", np.array([number]), unit=unit)
        return value

    # How the cells are rewritten.

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Module):
            self.cell += 1
        return super().visit(node)

    def call(
        self, name: str, node: ast.AST, text: str, *rest: ast.expr, keywords: Any = ()
    ) -> ast.Call:
        note = ast.Attribute(ast.Name(NOTE, ast.Load()), name, ast.Load())
        made = ast.Call(note, [ast.Constant(text), *rest], list(keywords))
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        self.asserting = True
        node.test = self.visit(node.test)
        self.asserting = False
        return ast.fix_missing_locations(node)

    def inside(self, node: ast.AST) -> ast.AST:
        self.functions += 1
        self.generic_visit(node)
        self.functions -= 1
        return node

    visit_FunctionDef = visit_Lambda = visit_ClassDef = inside

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        wanted = self.asserting or not self.functions
        known = wanted and all(type(op) in BOUNDS for op in node.ops)
        if not known or any(isinstance(n, ast.NamedExpr | ast.Await) for n in ast.walk(node)):
            return self.generic_visit(node)  # type: ignore[return-value]
        text = ast.unparse(node)
        nothing = ast.arguments([], [], None, [], [], None, [])
        sides: list[ast.expr] = [
            ast.Lambda(nothing, self.visit(n)) for n in (node.left, *node.comparators)
        ]
        signs: list[ast.expr] = [ast.Constant(BOUNDS[type(op)].__name__) for op in node.ops]
        lists = (ast.List(part, ast.Load()) for part in (sides, signs))
        return self.call("compared", node, text, *lists, ast.Constant(self.asserting))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        text = ast.unparse(node)
        self.generic_visit(node)
        if name in CLOSE and len(node.args) >= 2:
            return self.call("close", node, text, node.func, *node.args, keywords=node.keywords)
        if name == "format" and isinstance(getattr(node.func, "value", None), ast.Constant):
            template = node.func.value  # type: ignore[attr-defined]
            return self.call("formatted", node, text, template, *node.args, keywords=node.keywords)
        if name == "round" and isinstance(node.func, ast.Name) and len(node.args) == 2:
            form = ast.JoinedStr([
                ast.Constant("."), ast.FormattedValue(node.args[1], -1, None), ast.Constant("f")
            ])  # fmt: skip
            node.args[0] = self.call("printed", node.args[0], text, node.args[0], form)
        return ast.fix_missing_locations(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        if node.format_spec is not None and node.conversion == -1:
            text = ast.unparse(node.value)
            node.value = self.call(
                "printed", node.value, text, self.visit(node.value), node.format_spec
            )
        return ast.fix_missing_locations(node)


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""
    notes = Notes(os.environ["COURSE_RECORD"])
    setattr(builtins, NOTE, notes)
    shell.ast_transformers.append(notes)
