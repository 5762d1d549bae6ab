"""The README's code runs as it stands, and the examples on small data."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tuner.cli import main
from tuner.studyfile import checked

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def code_of(page):
    """Return the Python of a page in its order; that of comments is not shown, and makes what the page has by then.

    A block with a title is a file, and is written.
    """
    blocks = r"(?:```python|<!-- python)(?: title=\"(.*?)\")?\n(.*?)(?:```|-->)"
    found = re.findall(blocks, page.read_text(), flags=re.DOTALL)
    return "\n".join(
        f"__import__('pathlib').Path({title!r}).write_text({text!r})" if title else text for title, text in found
    )


def commands(text):
    return set(re.findall(r"(?:^|`)tuner ([a-z]+)", text, flags=re.MULTILINE))


PRINTED = {  # what a page prints must hold
    "README": ("baseline-000000", "cross_fitted", "comparator"),
    "ensembling": ("cross_fitted", "["),
    "index": ("cross_fitted", "standard_error", "[0 0 0]"),
    "inputs": ("['",),
    "networks": (),
    "metrics": ("within_ten_percent", "[118, 118, 118]"),
    "own_functions": ("True {'x'",),
    "own_models": ("cross_fitted", "epoch,learning_rate,loss,val_loss", "'line'"),
    "plots": (),
    "production": ("[[",),
    "python": (
        "the mean of 3 fold models",
        "(None, 3)",
        "bottle 54",
        "'accuracy': 0.",
        "evaluated_log_loss",
        "flavanoids",
    ),
    "resume": ("baseline-000000", "xgboost"),
    "seconds": ("['family', 'trials', 'seconds', 'share', 'log_loss', 'gained', 'why']",),
    "sequences": ("other",),
    "series": ("load+6",),
    "tables": ("target  price, regression", "mae (also r2)", "[["),
    "targets": ("colour",),
    "text": ("[[",),
    "tutorial": ("target, two classes", "baseline-000000", "cross_fitted", "benign"),
    "unlabelled": ("(2, 8, 8, 1)",),
    "vision": ("[",),
}


def test_each_page_with_code_says_what_it_prints():
    assert {page.stem for page in PAGES if code_of(page)} == set(PRINTED)


@pytest.mark.slow
@pytest.mark.docs
@pytest.mark.parametrize("page", PRINTED)
def test_the_code_of_a_page_runs_and_prints_what_it_is_for(page, tmp_path):
    (path,) = (one for one in PAGES if one.stem == page)
    printed = run(code_of(path), tmp_path)
    for what in PRINTED[page]:
        assert what in printed


@pytest.mark.slow
@pytest.mark.docs
def test_the_commands_of_the_tutorial_find_what_its_code_left(tmp_path, monkeypatch):
    page = ROOT / "docs" / "tutorial.md"
    run(code_of(page), tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^tuner (.+)$", page.read_text(), flags=re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        if not line.startswith("ui"):  # it serves until Ctrl-C
            shown = CliRunner().invoke(main, line.split())
            assert shown.exit_code == 0, f"{line}: {shown.output}"


@pytest.mark.slow
@pytest.mark.docs
def test_the_family_of_ones_own_builds(tmp_path):
    code = blocks("python")[1] + (
        "\nfrom spaces import Input, Signature, Target, sample\nimport numpy\n"
        "signature = Signature((Input('table', 'table', (3,)),), (Target('y', 'binary', (0, 1)),), rows=100)\n"
        "for seed in range(5):\n"
        "    config = sample(SPACE, numpy.random.default_rng(seed))\n"
        "    print(build(config, signature).count_params())\n"
    )
    assert len(run(code, tmp_path).split()) == 5


@pytest.mark.parametrize(
    "text",
    [
        *(text for page in PAGES for text in blocks("toml", page.read_text()) if "[study]" in text),
        *(path.read_text() for path in ROOT.glob("examples/*.toml")),
    ],
)
def test_study_files_in_the_documents_are_valid(text):
    import tomllib

    assert checked(tomllib.loads(text)).name


def marks_of(file, name):
    """Return the marks of a test, its decorators alone: a parameter may have one of its own."""
    places = [place for place in (ROOT / "tests" / "tuner" / file, ROOT / "tests" / file) if place.exists()]
    assert places, f"there is no {file}"
    found = re.search(rf"^((?:@.*\n|[ \])].*\n)*)def {name}\(", places[0].read_text(), re.MULTILINE)
    assert found, f"there is no {name}"
    return set(re.findall(r"^@pytest\.mark\.(slow|cluster|evening)\b", found[1], re.MULTILINE))


def test_each_fault_names_tests_that_exist_and_says_when_they_run():
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| fault", "|---"))]
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`(?: \((\w+)\))?", row.split("|")[-2])
        assert named, f"no test: {row}"
        for file, name, said in named:
            marks = marks_of(file, name)
            last = next((mark for mark in ("evening", "cluster", "slow") if mark in marks), "")
            assert said == last, f"{name} is marked {last or 'as quick'}"


def test_each_page_has_a_place_in_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if f"- {page}" not in navigation} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_that_a_page_names_exist(page):
    assert commands(page.read_text()) <= set(main.commands)


def test_the_page_of_the_terminal_names_every_command():
    assert set(main.commands) == commands((ROOT / "docs" / "terminal.md").read_text())


def test_the_readme_names_the_commands_of_a_study():
    assert {"run", "leaderboard", "ensemble", "predict", "ui"} <= commands(README)


@pytest.mark.slow
@pytest.mark.docs
def test_the_california_example_runs_on_a_small_table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"median_income": rng.normal(size=200), "ocean_proximity": rng.choice(["A", "B"], 200)})
    frame["median_house_value"] = 2e5 + 5e4 * frame["median_income"] + 1e4 * rng.normal(size=200)
    frame.to_csv(tmp_path / "small.csv", index=False)
    example = (ROOT / "examples" / "california.py").read_text().replace("trials=40", "trials=3")
    code = f"import sys; sys.argv = ['california.py', 'small.csv', 'study']\n{example}"
    assert "ensemble (nelder_mead)" in run(code, tmp_path)
