"""Copy into assets/vendor what the built site would otherwise fetch from other hosts.

A maintainer runs this once, with Node's `npm` on the machine, after changing a version below, and
commits the result. Readers and CI never need it: `make book` uses the committed files.
"""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "assets" / "vendor"

FONTS = ["1551f4f60c37af51121f.woff2", "7a3337626410ca2f4071.woff2", "d878b0a6a1144760244f.woff2"]
# The widget manager holds its styles twice, with two ideas of where the fonts are. Which of the two
# is asked depends on what the browser loads first.
FONT_FOLDERS = [
    "widgets/@jupyter-widgets",
    "widgets/@jupyter-widgets/html-manager/dist",
]
# npm package, version, [(path in the package, path under assets/vendor)]
PACKAGES = [
    ("requirejs", "2.3.8", [("require.js", "widgets/require.js")]),
    (
        "@jupyter-widgets/html-manager",
        "1.0.15",
        [("dist/embed-amd.js", "widgets/embed-amd.js")]
        + [(f"dist/{font}", f"{folder}/{font}") for font in FONTS for folder in FONT_FOLDERS],
    ),
    (
        "@fortawesome/fontawesome-free",  # whose fonts html-manager brings
        "5.15.4",
        [("LICENSE.txt", "widgets/FONT-AWESOME-LICENSE.txt")],
    ),
]

# Addresses of other hosts are taken out of the copies, so that no path through the code can lead
# to them: the widget manager looks for unknown widgets on a content network, and a comment of its
# style sheet imports a font.
FOREIGN = {
    "https://cdn.jsdelivr.net/npm/": "./",
    "https://fonts.googleapis.com/css": "./",
}


def fetch(package: str, version: str, folder: Path) -> Path:
    """Download one npm package into `folder`; return the folder it was unpacked in."""
    done = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{version}"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    archive = folder / done.stdout.split()[-1]
    unpacked = folder / f"{archive.name}-unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    return unpacked / "package"


def copy(source: Path, target: Path) -> None:
    """Copy a file; let a script name no other host."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    if target.suffix == ".js":
        text = target.read_text(encoding="utf-8")
        for foreign, here in FOREIGN.items():
            text = text.replace(foreign, here)
        target.write_text(text, encoding="utf-8")


def main() -> None:
    """Fetch every package and copy the listed files."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for package, version, files in PACKAGES:
            print(f"{package} {version}")
            unpacked = fetch(package, version, Path(folder))
            for source, target in files:
                copy(unpacked / source, VENDOR / target)


if __name__ == "__main__":
    main()
