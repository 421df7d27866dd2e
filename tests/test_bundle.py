"""The offline bundle: it is complete, its checksums are right, and it opens from a folder."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from make_bundle import ROOT, pack, tracked
from playwright.sync_api import Browser
from web import layout_faults


@pytest.fixture(scope="module")
def unpacked(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack the course and unpack it somewhere else."""
    folder = tmp_path_factory.mktemp("bundle")
    pack(site, folder / "course.zip")
    with zipfile.ZipFile(folder / "course.zip") as archive:
        archive.extractall(folder)
    return folder / "course"


def test_checksums_cover_every_file(unpacked: Path) -> None:
    sums = dict(
        reversed(line.split("  ", 1))
        for line in (unpacked / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    files = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    assert files - {"SHA256SUMS"} == set(sums)
    for name, expected in sums.items():
        assert hashlib.sha256((unpacked / name).read_bytes()).hexdigest() == expected, name


def test_it_holds_site_notebooks_data_networks_and_helpers(unpacked: Path) -> None:
    course = unpacked / "course"
    for pattern in ("book/0*.ipynb", "data/checkpoints/**/*.safetensors", "helpers/*.py"):
        assert len(list(course.glob(pattern))) >= 9, pattern
    assert (course / "README.md").is_file() and (course / "Makefile").is_file()
    assert {p.relative_to(course) for p in course.rglob("*") if p.is_file()} == {
        p.relative_to(ROOT) for p in tracked()
    }


@pytest.mark.parametrize("name", ["index", "03_fisher_and_local_data_matrix", "walk"])
def test_pages_open_from_the_folder(browser: Browser, unpacked: Path, name: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((unpacked / "site" / "book" / f"{name}.html").as_uri())
        faults += layout_faults(page)  # formulas are typeset
        page.evaluate("document.querySelectorAll('img').forEach((i) => (i.loading = 'eager'))")
        page.wait_for_load_state("networkidle")
        shown = "() => [...document.images].every((i) => i.complete && i.naturalWidth > 0)"
        page.wait_for_function(shown)
        assert faults == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        if name != "03_fisher_and_local_data_matrix":
            why = page.locator(".leaf-walk-why").first
            assert "not from a file" in why.inner_text()
