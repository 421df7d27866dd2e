"""The stored chapters: executed in order, nothing ignored without a reason, complete.

Each check is a function from a notebook (as a dict) to a list of faults, so that the tests can
also feed it a broken notebook and see that it is caught. Whether the stored numbers are right is
not asked here: nbval executes the chapters and compares.
"""

import ast
import base64
import copy
import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))

Notebook = dict[str, Any]
Cell = dict[str, Any]

MAX_LINES = 25
MAX_BYTES = 5 * 2**20
MAX_BOOK = 14 * 10**6
HIDING_TAGS = ("hide-", "remove-")
IGNORING_TAGS = {"nbval-ignore-output", "nbval-skip"}
MACHINE_PATH = re.compile(r"/(?:tmp|work|home|root|Users|usr/lib|site-packages)/|\.venv/|C:\\\\")
# What torch draws otherwise in another version, with the same seed (2.4.1 against 2.13.0).
OTHER_DRAWS = re.compile(
    r"\b(multinomial|bernoulli_?|exponential_|trunc_normal_|Dropout)\(|\bdropout\("
)
FLOAT64 = "set_default_dtype(torch.float64)"
FILE_NAME = re.compile(r"\.(png|svg|jpe?g|gif)\b|[0-9a-f]{32}", re.IGNORECASE)
# The contract of a chapter: a heading or the title of a box.
SECTIONS = ("You will be able to", "Before you start", "Exercises", "Summary", "Further reading")
CLAIM_BOX = "What the talk says, what we found"
AMERICAN = re.compile(
    r"\b(?:(?:normaliz|generaliz|initializ|regulariz)(?:e|es|ed|ing|ation)"
    r"|(?:behavior|color|neighbor|center)(?:s|ed|ing)?)\b",
    re.IGNORECASE,
)


def text(cell: Cell) -> str:
    """Return a cell's source."""
    return "".join(cell["source"])


def code_cells(notebook: Notebook) -> list[Cell]:
    """Return the code cells that are not empty."""
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and text(c).strip()]


def prose(notebook: Notebook) -> str:
    """Return the text of all Markdown cells."""
    return "\n\n".join(text(c) for c in notebook["cells"] if c["cell_type"] == "markdown")


def tags(cell: Cell) -> list[str]:
    """Return a cell's tags."""
    return cell["metadata"].get("tags", [])


def name(cell: Cell) -> str:
    """Return the first line of a cell, to name it in a fault."""
    return repr(text(cell).strip().split("\n")[0][:60])


def outputs(cell: Cell) -> str:
    """Return the text of a cell's outputs, without its images."""
    parts = []
    for output in cell["outputs"]:
        parts.append("".join(output.get("text", "")))
        for mime, data in output.get("data", {}).items():
            if not mime.startswith("image/"):
                parts.append("".join(data) if isinstance(data, list | str) else json.dumps(data))
    return "\n".join(parts)


def order_faults(notebook: Notebook) -> list[str]:
    """Cells were executed once, from top to bottom, in a fresh kernel."""
    return [
        f"execution count {cell.get('execution_count')} where {i} is expected: {name(cell)}"
        for i, cell in enumerate(code_cells(notebook), start=1)
        if cell.get("execution_count") != i
    ]


def output_faults(notebook: Notebook) -> list[str]:
    """No errors, no warnings, no paths of the machine that ran it, no widget state."""
    faults = []
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in tags(cell):
                faults.append(f"error {output['ename']}: {name(cell)}")
            if output.get("name") == "stderr":
                faults.append(f"output on stderr: {name(cell)}")
        if found := MACHINE_PATH.search(outputs(cell)):
            faults.append(f"a path of the machine, {found[0]}: {name(cell)}")
    if "widgets" in notebook["metadata"]:
        faults.append("widget state is stored: execute the chapter with make notebook")
    return faults


def ignored_cells(notebook: Notebook) -> list[tuple[str, str]]:
    """Return (cell, reason) of every cell whose outputs are not compared."""
    return [
        (name(cell), cell["metadata"].get("nbval_reason", ""))
        for cell in code_cells(notebook)
        if IGNORING_TAGS & set(tags(cell))
        or re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", text(cell))
    ]


def ignoring_faults(notebook: Notebook) -> list[str]:
    """Every cell whose outputs are not compared says why."""
    return [
        f"ignored without a reason in the cell's metadata, nbval_reason: {cell}"
        for cell, reason in ignored_cells(notebook)
        if not reason.strip()
    ]


def has_image(cell: Cell) -> bool:
    """Whether a cell shows an image."""
    return any(m.startswith("image/") for o in cell["outputs"] for m in o.get("data", {}))


def figure_faults(notebook: Notebook) -> list[str]:
    """Every figure has a caption and a text for those who do not see it."""
    faults, alts = [], []
    for cell in filter(has_image, code_cells(notebook)):
        mystnb = cell["metadata"].get("mystnb", {})
        alt = str(mystnb.get("image", {}).get("alt", "")).strip()
        if not str(mystnb.get("figure", {}).get("caption", "")).strip():
            faults.append(f"a figure without caption: {name(cell)}")
        if not alt:
            faults.append(f"a figure without alt text: {name(cell)}")
        elif FILE_NAME.search(alt):
            faults.append(f"alt text is a file name: {name(cell)}")
        alts.append(alt)
    return faults + [f"alt text is repeated: {a}" for a, n in Counter(alts).items() if a and n > 1]


def weight_faults(notebook: Notebook) -> list[str]:
    """The PNG beside a drawing has a palette of 64 colours, or 256 if it shows a colour scale."""
    faults = []
    for cell in code_cells(notebook):
        for data in (output.get("data", {}) for output in cell["outputs"]):
            if "image/svg+xml" not in data or "image/png" not in data:
                continue
            limit = 256 if "<image" in "".join(data["image/svg+xml"]) else 64
            picture = Image.open(io.BytesIO(base64.b64decode("".join(data["image/png"]))))
            if picture.mode != "P" or picture.getcolors(limit) is None:
                faults.append(f"a PNG beside a drawing, not in {limit} colours: {name(cell)}")
    return faults


def code_faults(notebook: Notebook) -> list[str]:
    """Visible cells are short, and torchvision comes through helpers only."""
    faults = []
    for cell in code_cells(notebook):
        lines = len(text(cell).strip().split("\n"))
        if lines > MAX_LINES and not any(tag.startswith(HIDING_TAGS) for tag in tags(cell)):
            faults.append(f"{lines} lines in a visible cell: {name(cell)}")
        if re.search(r"^\s*(import|from)\s+torchvision\b", text(cell), re.MULTILINE):
            faults.append(f"imports torchvision, which works only through helpers: {name(cell)}")
    return faults


def draw_faults(notebook: Notebook) -> list[str]:
    """Random numbers are the same in every version, and on every processor: no float32 randn."""
    sources = [text(cell) for cell in code_cells(notebook)]
    found = [OTHER_DRAWS.search(source) for source in sources]
    faults = [f"draws by {match[0]}…)" for match in found if match]
    if any(FLOAT64 in source for source in sources):
        return faults
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        options = {word.arg for word in call.keywords}  # None stands for **options
        if ast.unparse(call.func).endswith(("randn", "normal_")) and not options & {"dtype", None}:
            faults.append(f"draws in float32, unlike others: {ast.unparse(call)}")
    return faults


def section_faults(notebook: Notebook) -> list[str]:
    """The sections that every chapter has, and four to eight exercises."""
    words = prose(notebook)
    titles = re.findall(r"^(?:#+|[`:]{3,}\{admonition\})[ \t]+(.*)$", words, re.MULTILINE)
    bare = [re.sub(r"^[\d.]+ ", "", title) for title in titles]
    faults = [f"no section {section!r}" for section in SECTIONS if section not in bare]
    if not any(title.startswith(CLAIM_BOX) for title in bare):
        faults.append(f"no box {CLAIM_BOX!r}")
    exercises = len(re.findall(r"^#+ Exercise \d", words, re.MULTILINE))
    if not 4 <= exercises <= 8:
        faults.append(f"{exercises} exercises, four to eight are expected")
    return faults


def spelling_faults(notebook: Notebook) -> list[str]:
    """British spelling, outside code."""
    words = re.sub(r"(`+).*?\1|\{[^}]*\}`[^`]*`", "", prose(notebook), flags=re.DOTALL)
    return [f"American spelling: {word}" for word in AMERICAN.findall(words)]


CHECKS = [
    order_faults,
    output_faults,
    ignoring_faults,
    figure_faults,
    weight_faults,
    code_faults,
    draw_faults,
    section_faults,
    spelling_faults,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path: Path, check: Callable[[Notebook], list[str]]) -> None:
    if check is section_faults and not path.stem[0].isdigit():
        pytest.skip("an appendix is no chapter: it makes no claims and may have fewer exercises")
    faults = check(json.loads(path.read_text(encoding="utf-8")))
    assert not faults, "\n".join(faults)


def test_there_are_chapters() -> None:
    assert CHAPTERS


def sound_notebook() -> Notebook:
    """Return a small notebook without a fault."""
    image = {"output_type": "display_data", "data": {"image/png": "", "text/plain": ["<Figure>"]}}
    figure = {"figure": {"name": "fig-a", "caption": "A line."}, "image": {"alt": "A line rises."}}
    sections = "\n".join(f"## {title}" for title in SECTIONS)
    exercises = "\n".join(f"### Exercise {i}" for i in range(1, 5))
    box = f"```{{admonition}} {CLAIM_BOX}\n**Verdict** proved\n```"
    return {
        "metadata": {},
        "cells": [
            {
                "cell_type": "markdown",
                "metadata": {},
                "source": [f"{sections}\n{exercises}\n{box}"],
            },
            {
                "cell_type": "code",
                "metadata": {},
                "source": ["print(1)"],
                "execution_count": 1,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
            },
            {
                "cell_type": "code",
                "metadata": {"mystnb": figure},
                "source": ["plot()"],
                "execution_count": 2,
                "outputs": [image],
            },
        ],
    }


def test_a_sound_notebook_has_no_faults() -> None:
    assert [fault for check in CHECKS for fault in check(sound_notebook())] == []


def change(cell: int, **changes: Any) -> Callable[[Notebook], None]:
    """Return a function that changes one cell of a notebook."""
    return lambda notebook: notebook["cells"][cell].update(changes)


def figure(alt: str, caption: str = "A line.") -> dict[str, Any]:
    """Return the metadata of a figure cell."""
    return {"mystnb": {"figure": {"caption": caption}, "image": {"alt": alt}}}


def drawing(colours: int, svg: str = "<svg></svg>", mode: str = "P") -> dict[str, Any]:
    """Return an output: a drawing and, beside it, a PNG of so many colours."""
    picture = Image.new("P", (colours, 1))
    picture.putdata(range(colours))
    picture.putpalette([value for k in range(colours) for value in (k, k, k)])
    target = io.BytesIO()
    picture.convert(mode).save(target, "PNG")
    png = base64.b64encode(target.getvalue()).decode()
    return {"output_type": "display_data", "data": {"image/png": png, "image/svg+xml": [svg]}}


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
STDERR = {"output_type": "stream", "name": "stderr", "text": ["a warning"]}
PATH = {"output_type": "stream", "name": "stdout", "text": ["see /tmp/x/y.py"]}
IGNORED = {"tags": ["nbval-ignore-output"]}


@pytest.mark.parametrize(
    ("check", "damage"),
    [
        (order_faults, change(1, execution_count=None)),
        (order_faults, change(1, execution_count=7)),
        (order_faults, lambda nb: nb["cells"].insert(1, nb["cells"].pop(2))),
        (output_faults, change(1, outputs=[ERROR])),
        (output_faults, change(1, outputs=[STDERR])),
        (output_faults, change(1, outputs=[PATH])),
        (output_faults, lambda nb: nb["metadata"].update(widgets={})),
        (ignoring_faults, change(1, metadata=IGNORED)),
        (ignoring_faults, change(1, source=["# NBVAL_IGNORE_OUTPUT\nprint(1)"])),
        (figure_faults, change(2, metadata={})),
        (figure_faults, change(2, metadata=figure("a.png"))),
        (figure_faults, change(2, metadata=figure("A line rises.", caption=""))),
        (figure_faults, lambda nb: nb["cells"].append(nb["cells"][2])),
        (weight_faults, change(2, outputs=[drawing(65)])),
        (weight_faults, change(2, outputs=[drawing(64, mode="RGB")])),
        (weight_faults, change(2, outputs=[drawing(256, "<svg><image/></svg>", mode="RGB")])),
        (code_faults, change(1, source=["x = 1\n"] * 26)),
        (code_faults, change(1, source=["from torchvision import datasets"])),
        (draw_faults, change(1, source=["torch.multinomial(p, 1, generator=g)"])),
        (draw_faults, change(1, source=["torch.randn(3, generator=g)"])),
        (section_faults, change(0, source=["# A chapter"])),
        (section_faults, change(0, source=sound_notebook()["cells"][0]["source"] * 3)),
        (spelling_faults, change(0, source=["We normalize the colors."])),
    ],
)
def test_a_broken_notebook_is_caught(
    check: Callable[[Notebook], list[str]], damage: Callable[[Notebook], None]
) -> None:
    notebook = copy.deepcopy(sound_notebook())
    damage(notebook)
    assert check(notebook)


@pytest.mark.parametrize("output", [drawing(64), drawing(256, "<svg><image/></svg>")])
def test_a_light_drawing_is_allowed(output: dict[str, Any]) -> None:
    notebook = sound_notebook()
    notebook["cells"][2]["outputs"] = [output]
    assert weight_faults(notebook) == []


def test_an_ignored_cell_with_a_reason_is_allowed() -> None:
    notebook = sound_notebook()
    notebook["cells"][1]["metadata"] = IGNORED | {"nbval_reason": "a time"}
    assert ignoring_faults(notebook) == []


# The ledger of claims


def ledger_entries(ledger: str) -> dict[str, str]:
    """Return {label: text} of the entries of a ledger."""
    parts = re.split(r"^\((claim-[\w-]+)\)=\s*$", ledger, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named_tests(entry: str) -> list[str]:
    """Return the tests that an entry names: `file` or `file::function`, on its Test lines."""
    lines = re.findall(r"^\W*Tests?\b.*(?:\n(?!\n|\().*)*", entry, re.MULTILINE)
    return [n for line in lines for n in re.findall(r"`([^`\s]+\.(?:py|ipynb)(?:::\w+)?)`", line)]


def is_test(named: str, root: Path) -> bool:
    """Whether a named test file, and the function in it, exist."""
    file, _, function = named.partition("::")
    if not (root / file).is_file():
        return False
    if not function:
        return True
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)


def ledger_faults(ledger: str, chapters: str, root: Path) -> list[str]:
    """Every claim is linked from a chapter and names tests that exist."""
    faults = []
    for label, entry in ledger_entries(ledger).items():
        if not re.search(rf"#{label}\b(?!-)", chapters):
            faults.append(f"{label}: no chapter links to it")
        faults += [
            f"{label}: no such test, {t}" for t in named_tests(entry) if not is_test(t, root)
        ]
    return faults


def test_ledger() -> None:
    ledger = (BOOK / "claims.md").read_text(encoding="utf-8")
    chapters = "".join(prose(json.loads(p.read_text(encoding="utf-8"))) for p in CHAPTERS)
    assert ledger_entries(ledger)
    faults = ledger_faults(ledger, chapters, ROOT)
    assert not faults, "\n".join(faults)


LEDGER = """
(claim-a)=
## A
Test: `tests/test_notebooks.py::test_ledger`, `tests/test_notebooks.py`
"""


def test_a_sound_ledger_has_no_faults() -> None:
    assert len(ledger_entries(LEDGER)) == 1
    assert len(named_tests(LEDGER)) == 2
    assert ledger_faults(LEDGER, "[ledger](claims.md#claim-a)", ROOT) == []


@pytest.mark.parametrize(
    ("ledger", "chapters"),
    [
        (LEDGER, "[ledger](claims.md#claim-abc)"),
        (LEDGER.replace("test_ledger", "test_gone"), "[ledger](claims.md#claim-a)"),
        (LEDGER.replace("tests/test_notebooks.py`", "tests/gone.py`"), "#claim-a"),
    ],
)
def test_a_broken_ledger_is_caught(ledger: str, chapters: str) -> None:
    assert len(ledger_faults(ledger, chapters, ROOT)) == 1


# What the repository holds


def repository_faults(files: dict[str, int]) -> list[str]:
    """Return what should not be committed, from {path: bytes}."""
    made = re.compile(r"(^|/)(\.venv|_build|__pycache__|\.ipynb_checkpoints|.*\.egg-info)/|-ubyte$")
    faults = [f"made by a command: {path}" for path in files if made.search(path)]
    if (book := sum(size for path, size in files.items() if path.startswith("book/"))) > MAX_BOOK:
        faults.append(f"book/ has {book / 10**6:.1f} MB, more than {MAX_BOOK / 10**6:.0f}")
    large = [p for p, size in files.items() if size > MAX_BYTES]
    return faults + [
        f"larger than 5 MB: {p}" for p in large if not p.startswith(("data/", "assets/vendor/"))
    ]


def test_repository() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone of the repository")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    files = [f for f in listed.stdout.split("\0") if (ROOT / f).is_file()]
    assert repository_faults({f: (ROOT / f).stat().st_size for f in files}) == []


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("data/MNIST/raw/train-images-idx3-ubyte", 9),
        ("_build/html/index.html", 9),
        (".venv/bin/python", 9),
        ("helpers/__pycache__/data.pyc", 9),
        ("book/figures/large.png", MAX_BYTES + 1),
    ],
)
def test_a_file_that_should_not_be_committed_is_caught(path: str, size: int) -> None:
    assert len(repository_faults({path: size})) == 1


def test_a_heavy_book_is_caught() -> None:
    files = {f"book/{k}.ipynb": MAX_BOOK // 4 for k in range(4)}
    assert repository_faults(files) == []
    assert len(repository_faults(files | {"book/index.md": 1})) == 1
