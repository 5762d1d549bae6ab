"""Images in files: folders, columns of paths, npz files, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import tuner
from spaces.inputs.files import DataError
from spaces.inputs.image.files import common_shape, kept_images, read_images
from spaces.rows.columns import TableError
from tuner.cli import main

QUIET = {"workers": 0, "tracking": "none", "progress": False}


def stripes(rng: np.random.Generator, upright: bool, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    """Return a grey image of stripes, upright or lying."""
    height, width = size
    phase = rng.integers(4)
    one = (np.arange(width if upright else height) + phase) // 2 % 2 * 200
    image = np.tile(one, (height, 1)) if upright else np.tile(one[:, None], (1, width))
    return np.clip(image + rng.normal(20, 10, size), 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("lying", "upright"):
        (tmp_path / "stripes" / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(stripes(rng, name == "upright")).save(tmp_path / "stripes" / name / f"{i:02}.png")
    return tmp_path / "stripes"


@pytest.mark.slow
def test_a_folder_with_a_folder_for_each_class_ends_in_predictions(folder, tmp_path):
    (tmp_path / "study.toml").write_text(
        f"""
        [study]
        name = "stripes"
        workers = 0
        tracking = "none"
        [budget]
        trials = 2
        [data]
        train = "{folder.name}"
        target = "class"
        image_size = [12, 12]
        test = 0.2
        split = {{ kind = "holdout", share = 0.25 }}
        [families.image_conv]
        epochs = 6
        [families.image_conv.image.conv]
        filters = 8
        depth = 1
        """
    )
    ran = CliRunner().invoke(main, ["run", str(tmp_path / "study.toml")])
    assert ran.exit_code == 0, ran.output
    study = tuner.load_study(tmp_path / "runs" / "stripes")
    assert study.task.signature.input.shape == (12, 12, 1)
    assert study.task.signature.input.dtype == "uint8"
    new = tmp_path / "new"
    new.mkdir()
    for path in sorted(folder.rglob("*.png"))[:3]:
        (new / path.name).write_bytes(path.read_bytes())
    said = CliRunner().invoke(main, ["predict", str(study.folder), str(new), "-o", str(tmp_path / "said.csv")])
    assert said.exit_code == 0, said.output
    frame = pd.read_csv(tmp_path / "said.csv")
    assert list(frame.columns) == ["image", "prediction", "probability_lying", "probability_upright"]
    assert [name.rsplit("/")[-1] for name in frame["image"]] == ["00.png", "01.png", "02.png"]
    array = read_images(sorted(folder.rglob("*.png"))[:3], (12, 12, 1))
    loaded = tuner.load(study.folder / "ensemble")
    np.testing.assert_allclose(loaded.predict_proba(array), frame.iloc[:, 2:], atol=1e-6)


def test_columns_that_name_files_stand_beside_others(folder, tmp_path):
    files = tuner.image_folder(folder)
    frame = pd.DataFrame(
        {
            "photo": [path.replace(f"{tmp_path}/", "") for path in files["image"]],
            "number": np.arange(len(files)),
            "answer": files["class"],
        }
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    task = tuner.Task(tmp_path / "rows.csv", "answer", image=["photo"], test=tmp_path / "rows.csv")
    assert [(one.name, one.kind, one.shape) for one in task.signature.inputs] == [
        ("table", "table", (1,)),
        ("photo", "image", (16, 16, 1)),
    ]
    np.testing.assert_array_equal(np.asarray(task.test.table.arrays[0]), np.asarray(task.rows.table.arrays[0]))
    task.save(tmp_path / "stored")
    again = tuner.Task.open(tmp_path / "stored")
    np.testing.assert_array_equal(np.asarray(again.rows.table.arrays[0]), np.asarray(task.rows.table.arrays[0]))


def test_images_are_read_once_until_one_changes(folder):
    files = list(tuner.image_folder(folder)["image"])
    first = kept_images(files, (8, 8, 1))
    assert kept_images(files, (8, 8, 1)).filename == first.filename
    np.testing.assert_array_equal(first, read_images(files, (8, 8, 1)))
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(files[0])
    second = kept_images(files, (8, 8, 1))
    assert second.filename != first.filename
    assert second[0].max() == 0


@pytest.mark.parametrize("left", [0, 50, 200])
def test_images_that_a_loss_of_power_tore_are_read_anew(folder, left):
    files = list(tuner.image_folder(folder)["image"])
    path = Path(kept_images(files, (8, 8, 1)).filename)
    path.write_bytes(path.read_bytes()[:left])
    np.testing.assert_array_equal(kept_images(files, (8, 8, 1)), read_images(files, (8, 8, 1)))


def test_photographs_are_turned_upright_and_colours_kept(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4, 0] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    image.save(tmp_path / "plain.png")
    assert common_shape([tmp_path / "turned.png"]) == (8, 4, 3)
    (turned,) = read_images([tmp_path / "turned.png"], (8, 4, 3))
    np.testing.assert_array_equal(turned[:4], np.full((4, 4, 3), (255, 0, 0)))
    assert turned[4:].max() == 0


def test_an_npz_file_holds_inputs_and_target(tmp_path):
    rng = np.random.default_rng(0)
    images = np.stack([stripes(rng, bool(i % 2)) for i in range(40)])
    np.savez(tmp_path / "data.npz", image=images, number=rng.random(40), y=np.arange(40) % 2)
    task = tuner.Task(tmp_path / "data.npz", "y")
    assert [(one.name, one.shape, one.dtype) for one in task.signature.inputs] == [
        ("table", (1,), "float32"),
        ("image", (16, 16, 1), "uint8"),
    ]
    np.savez(tmp_path / "torn.npz", image=images, y=np.arange(39))
    with pytest.raises(DataError, match=r"same number of rows were expected, got \{'image': 40, 'y': 39\}"):
        tuner.Task(tmp_path / "torn.npz", "y")
    (tmp_path / "none.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"none\.npz cannot be read as npz"):
        tuner.Task(tmp_path / "none.npz", "y")


def test_images_that_cannot_be_used_are_named(folder):
    files = sorted(folder.rglob("*.png"))
    Image.fromarray(np.zeros((10, 12), np.uint8)).save(files[3])
    with pytest.raises(
        TableError, match=r"images are of 2 sizes: .*00.png is 16 x 16 .*03.png is 10 x 12.*image_size="
    ):
        tuner.Task(folder, "class")
    assert tuner.Task(folder, "class", image_size=(16, 16)).signature.input.shape == (16, 16, 1)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(files[3])
    with pytest.raises(TableError, match=r"some images are grey and others coloured: .*00.png and .*03.png"):
        tuner.Task(folder, "class", image_size=(16, 16))
    Image.fromarray(np.zeros((16, 16), np.int32)).save(files[3].with_suffix(".tif"))
    files[3].unlink()
    with pytest.raises(TableError, match=r"1 image cannot be read: .*03.tif \(it has more than eight bits a pixel"):
        tuner.Task(folder, "class")
    files[3].with_suffix(".tif").unlink()
    for file in files[:2]:
        file.write_bytes(file.read_bytes()[:80])
    with pytest.raises(TableError, match=r"2 images cannot be read: .*00.png .*01.png .*mend or remove them"):
        tuner.Task(folder, "class")


def test_what_is_hidden_is_no_image_and_links_are_followed(folder, tmp_path):
    (folder / ".checkpoints").mkdir()
    (folder / ".checkpoints" / "a.png").write_bytes(b"")
    (folder / "lying" / "._00.png").write_bytes(b"")
    (tmp_path / "linked").mkdir()
    for name in ("lying", "upright"):
        (tmp_path / "linked" / name).symlink_to(folder / name)
    assert len(tuner.image_folder(folder)) == 60
    assert set(tuner.image_folder(tmp_path / "linked")["class"]) == {"lying", "upright"}
    assert read_images([], (4, 4, 1)).shape == (0, 4, 4, 1)
    with pytest.raises(DataError, match=r"there is no file or folder .*pest"):
        tuner.Task(tmp_path / "pest", "class")


def test_folders_that_cannot_be_used_are_named(folder, tmp_path):
    (folder / "bent").mkdir()
    with pytest.raises(DataError, match=r"bent holds no images: add some, or remove the folder"):
        tuner.Task(folder, "class")
    (folder / "bent").rmdir()
    (folder / "stray.png").write_bytes(next(folder.rglob("*.png")).read_bytes())
    with pytest.raises(DataError, match=r"stray.png lies beside the folders of the classes lying, upright"):
        tuner.Task(folder, "class")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no images: files that end in .jpg"):
        tuner.Task(tmp_path / "empty", "class")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": ["foto"]}, "image: .*foto.*photo"),
        ({"image": "photo"}, r"image must be a list of columns: image=\['photo'\]"),
        ({"image_size": (8, 8)}, "no column names any"),
        ({"image": ["photo"], "image_size": (8, 0)}, r"image_size must be \(height, width\) in pixels"),
        ({"image": ["photo"]}, "2 images cannot be found: a.png, b.png"),
        ({"image": ["answer"]}, "image: 'answer' is the target"),
    ],
)
def test_what_is_said_of_columns_is_checked(changes, message):
    frame = pd.DataFrame({"photo": ["a.png", "b.png"] * 20, "answer": ["yes", "no"] * 20})
    with pytest.raises(ValueError, match=message):
        tuner.Task(frame, "answer", **changes)
