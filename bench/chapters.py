"""Memory and processor time that a learner needs, chapter by chapter.

    OMP_NUM_THREADS=1 COURSE_PROGRESS=0 python bench/chapters.py [chapter ...]

Each chapter is executed in a fresh kernel, as one learner would; the last cell, added here, asks
the kernel for its peak resident memory and the processor time it used. What is measured goes into
`bench/chapters.json`, from which the book takes it. Linux only.
"""

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).resolve().parent.parent / "book"
KEPT = Path(__file__).with_suffix(".json")
ASK = """
import re as _re, resource as _resource
_peak = _re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())
_used = [_resource.getrusage(w) for w in (_resource.RUSAGE_SELF, _resource.RUSAGE_CHILDREN)]
print(int(_peak[1]) / 1024, sum(u.ru_utime + u.ru_stime for u in _used))
"""


def measure(path: Path) -> tuple[float, float]:
    """Peak memory of the kernel in MiB, processor time in seconds."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(BOOK)}}).execute()
    said = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    peak, used = said.split()
    return float(peak), float(used)


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(path.stem for path in BOOK.glob("*.ipynb"))
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    for name in names:
        peak, used = measure(BOOK / f"{name}.ipynb")
        print(f"{name}: {peak:.0f} MiB, {used:.0f} s", flush=True)
        # Two digits: the next run gives others.
        kept["chapters"][name] = {"gib": round(peak / 1024, 1), "seconds": 10 * round(used / 10)}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
