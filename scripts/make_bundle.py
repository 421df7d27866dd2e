"""Pack what a reader without a network needs into _build/dist/course-VERSION.zip.

The site opens from the unpacked folder; the chapters run in it after `make book`, which wants the
packages of requirements.txt. SHA256SUMS has the checksum of each file: sha256sum -c SHA256SUMS.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = """This folder holds the whole course.

site/book/index.html   open it in a browser to read. The live walk needs a server:
                       python course/scripts/serve.py site
course/                notebooks, data, trained networks, helpers and tests; README.md says how to
                       run them
SHA256SUMS             checksums: sha256sum -c SHA256SUMS
"""


def version() -> str:
    """Return the version of the course."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^version = "(.+)"', text, re.MULTILINE)[0]


def tracked() -> list[Path]:
    """Return the files of the course: those that git keeps, or all but what make makes."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.split("\0") if (ROOT / name).is_file()]
    made = {".venv", ".venv-floor", ".venv-newest", "_build", "__pycache__", ".git"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not made & set(p.parts)]


def pack(site: Path, target: Path) -> int:
    """Write the archive; return the number of files in it."""
    files = {f"site/{p.relative_to(site)}": p for p in sorted(site.rglob("*")) if p.is_file()}
    files |= {f"course/{p.relative_to(ROOT)}": p for p in sorted(tracked())}
    pdf = site.parent / "dist" / "course.pdf"
    if pdf.is_file():
        files["course.pdf"] = pdf
    target.parent.mkdir(parents=True, exist_ok=True)
    top = target.stem
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        sums = []
        for name, path in files.items():
            data = path.read_bytes()
            archive.writestr(f"{top}/{name}", data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        note = NOTE.encode()
        archive.writestr(f"{top}/READ-ME-FIRST.txt", note)
        sums.append(f"{hashlib.sha256(note).hexdigest()}  READ-ME-FIRST.txt\n")
        archive.writestr(f"{top}/SHA256SUMS", "".join(sums))
    return len(sums)


def main() -> None:
    """Pack the built site and the files of the course."""
    site = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "_build" / "html"
    if not (site / "index.html").is_file():
        sys.exit("The site is not built: run make book first")
    target = site.parent / "dist" / f"course-{version()}.zip"
    count = pack(site, target)
    print(f"{target}: {count} files, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
