"""The README's code runs as it stands, and the examples on small data."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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


@pytest.mark.slow
@pytest.mark.docs
def test_the_first_study_runs(tmp_path):
    printed = run(blocks("python")[0], tmp_path)
    assert "baseline-000000" in printed
    assert "cross_fitted" in printed


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


@pytest.mark.slow
@pytest.mark.docs
def test_ensembles_of_plain_arrays(tmp_path):
    code = blocks("python", (ROOT / "docs" / "ensembling.md").read_text())[-1]
    assert "[" in run(code, tmp_path)


@pytest.mark.slow
@pytest.mark.docs
def test_texts_from_strings_to_probabilities(tmp_path):
    code = blocks("python", (ROOT / "docs" / "text.md").read_text())[0]
    assert "[[" in run(code, tmp_path)


@pytest.mark.slow
@pytest.mark.docs
def test_several_targets(tmp_path):
    code = blocks("python", (ROOT / "docs" / "targets.md").read_text())[0]
    assert "colour" in run(code, tmp_path)


@pytest.mark.slow
@pytest.mark.docs
@pytest.mark.parametrize(
    ("page", "printed"), [("inputs", "["), ("series", "load+6"), ("vision", "["), ("unlabelled", "(2, 8, 8, 1)")]
)
def test_inputs_of_every_kind(page, printed, tmp_path):
    code = blocks("python", (ROOT / "docs" / f"{page}.md").read_text())[0]
    assert printed in run(code, tmp_path)


@pytest.mark.slow
@pytest.mark.docs
def test_labels_for_every_step(tmp_path):
    code = blocks("python", (ROOT / "docs" / "sequences.md").read_text())[0]
    assert "other" in run(code, tmp_path)


@pytest.mark.parametrize("text", [*blocks("toml"), *(path.read_text() for path in ROOT.glob("examples/*.toml"))])
def test_study_files_in_the_documents_are_valid(text):
    import tomllib

    assert checked(tomllib.loads(text)).name


def test_commands_in_the_readme_exist():
    named = set(re.findall(r"`tuner (\w+)", README))
    assert named <= set(main.commands)
    assert {"run", "leaderboard", "ensemble", "predict", "ui"} <= named


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
