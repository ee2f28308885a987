"""The project's own files: packages and their locks, one address, one way to test, nothing that names a package registry."""

import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def name_of(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", requirement).group().lower().replace("_", "-").replace(".", "-")


def test_environment_yml_only_delegates():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    assert sorted(name_of(d) for d in plain) == ["pip", "python"]
    assert [d for d in environment["dependencies"] if not isinstance(d, str)] == [{"pip": ["-e .[book,test]"]}]
    assert next(d for d in plain if d.startswith("python")) == "python" + PROJECT["project"]["requires-python"]


EXTRAS = PROJECT["project"]["optional-dependencies"]
PAGES = PROJECT["dependency-groups"]["pages"]
LISTED = [*PROJECT["project"]["dependencies"], *EXTRAS["book"], *EXTRAS["test"]]


def locked(lock: str) -> dict[str, set[str]]:
    """Package -> the versions that a lock names: more than one where they depend on Python's."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.M):
        found.setdefault(name_of(match[1]), set()).add(match[2])
    return found


@pytest.mark.parametrize(("lock", "listed"), [("requirements.lock", LISTED), ("requirements-book.lock", PAGES)])
def test_a_lock_holds_every_dependency_with_hashes(lock, listed):
    missing = {name_of(r) for r in listed} - set(locked(lock))
    assert not missing, f"run `make lock`: missing {sorted(missing)}"
    entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.M)
    assert all("--hash=sha256:" in e for e in entries if "==" in e.split("\n")[0])


def test_pages_are_built_without_torch():
    heavy = re.compile(r"(torch|nvidia|triton|cuda|accelerate|scikit-learn|scipy|pot$|tqdm)")
    found = [name for name in locked("requirements-book.lock") if heavy.match(name)]
    assert not found, f"{found} in requirements-book.lock: pages need none of it"
    assert {"torch", "triton"} <= set(locked("requirements.lock"))


def test_pages_are_built_with_the_packages_of_the_tests():
    assert set(PAGES) <= set(LISTED), "a line of the group `pages` is not, letter for letter, one of the project's"
    both = locked("requirements.lock")
    apart = {name: versions for name, versions in locked("requirements-book.lock").items() if versions != both.get(name)}
    assert not apart, f"run `make lock`: {apart} in requirements-book.lock"


def test_dependencies_have_no_upper_bound_but_jupyter_book():
    """Rigid pins break Colab; only jupyter-book 2 is another program."""
    bounded = {r for r in [*LISTED, *PAGES] if "<" in r or "==" in r or "~=" in r}
    assert [name_of(r) for r in bounded] == ["jupyter-book"]


def test_no_file_names_a_package_registry():
    hosts = re.compile(r"(pypi\.(org|python)|pythonhosted|anaconda\.org|npmjs|deb\.debian|download\.pytorch)", re.I)
    own = Path(__file__)
    found = [
        p for p in tracked() if p != own and p.suffix not in {".png", ".gz"} and hosts.search(p.read_text("utf-8", "ignore"))
    ]
    assert not found, found


def test_ci_calls_what_the_readme_calls():
    assert re.search(r"^make test$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.M)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    for workflow in ("test.yml",):
        steps = yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))["jobs"]["test"]["steps"]
        assert {"run": "bash .ci/run"} in steps


def test_publishing_pushes_the_notebooks_that_the_buttons_open():
    jobs = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8"))["jobs"]
    steps = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert any(step.startswith("make book notebooks pdf") for step in steps)
    assert any("cp _build/pdf" in step for step in steps), "the PDF stands beside the pages"
    (push,) = [step for step in jobs["build"]["steps"] if "git push" in step.get("run", "")]
    assert push["working-directory"] == "_build/notebooks" and push["run"].rstrip().endswith(" notebooks")
    assert jobs["build"]["permissions"] == {"contents": "write"}


def test_make_without_target_lists_every_public_target():
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    public = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()
    assert {"book", "handout", "pictures", "test", "lab", "run", "replicate"} <= set(public)
    for target in public:
        assert re.search(rf"^  {target} ", shown, re.M), f"`make` does not list {target}"


PROGRAMS = {".venv": ("python", "uv", "ruff", "jupyter"), ".venv-book": ("python", "uv", "jupyter-book")}
"""What the Makefile may call, and in which environment."""


@pytest.fixture
def elsewhere(tmp_path):
    """The project's Makefile in a folder with spaces and umlauts, with programs that only say what they were called with."""
    folder = tmp_path / "Bücher und Spiele" / "proj"
    folder.mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "requirements-book.lock", "pyproject.toml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for environment, names in PROGRAMS.items():
        (folder / environment / "bin").mkdir(parents=True)
        for name in names:
            program = folder / environment / "bin" / name
            program.write_text(f'#!/bin/sh\necho "{environment} {name} $*" >> calls\n', encoding="utf-8")
            program.chmod(0o755)
        (folder / environment / ".ready").touch()
    (folder / "_build").mkdir()
    return folder


def make(folder: Path, *targets: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *targets], cwd=folder, capture_output=True, text=True)


def test_every_target_works_in_a_folder_with_spaces_and_umlauts(elsewhere):
    listed = make(elsewhere).stdout
    targets = [name for name in re.findall(r"^  ([a-z]+)  ", listed, re.M) if name not in ("clean", "distclean")]
    assert len(targets) > 8
    for target in [*targets, "clean", "distclean"]:
        run = make(elsewhere, target)
        assert run.returncode == 0, f"make {target}:\n{run.stdout}{run.stderr}"
    assert not any((elsewhere / name).exists() for name in (*PROGRAMS, "_build"))
    called = (elsewhere / "calls").read_text(encoding="utf-8")
    for line in (
        ".venv ruff check --quiet .",
        ".venv python -m pytest tests -n 2",
        ".venv-book jupyter-book build .",
        ".venv-book python tools/handout.py",
        ".venv-book python tools/pdf.py",
        ".venv-book python tools/plain.py",
        ".venv-book python tools/pictures.py",
        ".venv python tools/draw.py",
        ".venv jupyter lab",
        ".venv-book uv pip compile",
    ):
        assert line in called


@pytest.mark.parametrize(
    ("target", "environment", "lock"),
    [("setup", ".venv", "requirements.lock"), ("book", ".venv-book", "requirements-book.lock")],
)
def test_an_environment_is_made_in_a_folder_with_spaces_and_umlauts(elsewhere, target, environment, lock):
    for name in PROGRAMS:
        (elsewhere / name / ".ready").unlink()
    run = make(elsewhere, target)
    assert run.returncode == 0, run.stderr
    assert [name for name in PROGRAMS if (elsewhere / name / ".ready").exists()] == [environment], "the other is not needed"
    called = (elsewhere / "calls").read_text(encoding="utf-8").splitlines()
    python = f"{environment}/bin/python"
    assert f"{environment} uv pip sync --quiet --python {python} --require-hashes --compile-bytecode {lock}" in called
    assert any(c.startswith(f"{environment} uv pip install --quiet --python {python} --no-deps") for c in called)


def test_an_environment_is_made_anew_when_its_lock_changes(elsewhere):
    assert make(elsewhere, "book").returncode == 0
    assert " uv " not in (elsewhere / "calls").read_text(encoding="utf-8")
    later = (elsewhere / ".venv-book/.ready").stat().st_mtime + 5
    os.utime(elsewhere / "requirements-book.lock", (later, later))
    assert make(elsewhere, "book").returncode == 0
    assert ".venv-book uv pip sync" in (elsewhere / "calls").read_text(encoding="utf-8")


def test_a_book_that_failed_fails_again_until_it_is_mended(elsewhere):
    """Sphinx warns about a page when it reads it, and not again while its doctrees hold the page."""
    program = elsewhere / ".venv-book/bin/jupyter-book"
    program.write_text(
        "#!/bin/sh\ntest -e _build/.doctrees && exit 0\nmkdir -p _build/.doctrees\ntest -e mended\n", encoding="utf-8"
    )
    assert [make(elsewhere, "book").returncode != 0 for _ in range(3)] == [True] * 3
    (elsewhere / "mended").touch()
    assert make(elsewhere, "book").returncode == 0
    (elsewhere / "mended").unlink()  # what succeeded is not read again
    assert make(elsewhere, "book").returncode == 0


def test_readme_shows_pictures_that_are_there_and_the_tool_takes_them():
    shown = re.findall(r"\]\((book/_static/readme/[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    taken = re.findall(r'Picture\("([^"]+)"', (ROOT / "tools/pictures.py").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(f"book/_static/readme/{name}" for name in taken) and len(shown) == 3
    assert [name for name in shown if not (ROOT / name).is_file()] == []


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = PROJECT["project"]["version"]
    assert citation["version"] == version
    assert f'__version__ = "{version}"' in (ROOT / "nbdgm/__init__.py").read_text(encoding="utf-8")
    assert f"## {version} - {citation['date-released']}\n" in changelog


class TestAddress:
    """`tools/address.py URL` rewrites the repository's address everywhere, and only there."""

    NEW = "https://example.org/someone/a-fork"

    @pytest.fixture
    def copy(self, tmp_path):
        for path in tracked():
            if path.suffix in {".ipynb", ".md", ".toml", ".cff", ".yml", ".py", ".bin"}:
                target = tmp_path / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        return tmp_path

    def run(self, copy, *arguments):
        return subprocess.run([sys.executable, "tools/address.py", *arguments], cwd=copy, capture_output=True, text=True)

    def test_rewrites_every_file_and_keeps_outputs_fresh(self, copy):
        import json

        old = PROJECT["project"]["urls"]["Repository"]
        chapter = copy / "book/vae/5_variational_autoencoders.ipynb"
        record = copy / "tools/data/runs/vae.5_variational_autoencoders.gpu.json"
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"hash": json.loads(chapter.read_text("utf-8"))["metadata"]["nbdgm"]["hash"]}))
        done = self.run(copy, self.NEW)
        assert done.returncode == 0, done.stderr
        left = [p for p in copy.rglob("*") if p.is_file() and ".git" not in p.parts and old in p.read_text("utf-8", "ignore")]
        assert not left, left
        notebooks = list(copy.rglob("*.ipynb"))
        assert notebooks and all(self.NEW in p.read_text(encoding="utf-8") for p in notebooks)
        sys.path.insert(0, str(ROOT / "tools"))
        from execute import WEIGHTS, code_hash, rest_hash

        weights = (copy / WEIGHTS / "codes.bin").read_bytes().partition(b"\n")
        assert json.loads(weights[0])["hash"] == rest_hash(json.loads(chapter.read_text("utf-8")))
        assert weights[2] == (ROOT / WEIGHTS / "codes.bin").read_bytes().partition(b"\n")[2]
        for path in notebooks:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            if "nbdgm" in notebook["metadata"]:
                assert notebook["metadata"]["nbdgm"]["hash"] == code_hash(notebook)
        assert json.loads(record.read_text()) == {"hash": code_hash(json.loads(chapter.read_text("utf-8")))}

    def test_refuses_what_is_no_address(self, copy):
        done = self.run(copy, "not an address")
        assert done.returncode != 0 and "https://host/owner/name" in done.stderr


def test_no_two_files_of_tests_have_one_name():
    """Without packages pytest imports a file by its bare name: the second of two is not collected."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_group_of_tests_stays_with_one_worker(tmp_path):
    """With some pairs of pytest and pytest-xdist the mark is ignored without a word, and each worker opens each page."""
    tests = tmp_path / "test_groups.py"
    tests.write_text(
        "import os, pytest\n"
        'groups = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("a/1", "b/2")]\n'
        '@pytest.mark.parametrize("place", range(6))\n'
        '@pytest.mark.parametrize("name", groups)\n'
        "def test_who(name, place):\n"
        '    with open(f"{name[0]}.txt", "a") as file:\n'
        '        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "."]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    workers = [(tmp_path / f"{group}.txt").read_text().split() for group in "ab"]
    assert [len(each) for each in workers] == [6, 6]
    assert [len(set(each)) for each in workers] == [1, 1]
