"""A ledger in PostgreSQL: one writer, many readers, and no password anywhere."""

import os
import socket
import sys
import uuid

import psycopg
import pytest
from postgres import PASSWORD, USER
from small import make_frame
from sqlalchemy.engine import make_url

import tuner
from spaces import Family
from spaces.engines.engine import SKLEARN
from spaces.families.catalog import FAMILIES
from tuner import database_url
from tuner.archive.study_folder import StudyError
from tuner.launch.tune import is_running
from tuner.search.ledger_file import LedgerError
from tuner.search.stores import Database, checked, is_written, open_storage, writing


@pytest.fixture(scope="module")
def task():
    return tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})


def run(task, folder, ledger=None, *, families=("linear",), workers=0, trials=2):
    return tuner.tune(
        task, families, trials=trials, workers=workers, folder=folder, ledger=ledger, tracking=None, progress=False
    )


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("postgresql://ann:s3cret@db.example/studies", "ledger holds a password"),
        ("postgresql://ann@db.example/studies?password=s3cret", "ledger holds a password"),
        ("mysql://ann:s3cret@db.example/studies", "ledger must be an address of PostgreSQL"),
        ("s3cret", "ledger must be an address of PostgreSQL"),
        ("env:NOT_SET", r"ledger: \$NOT_SET is not set"),
        ("env:NOT_ONE", r"ledger: \$NOT_ONE must be an address of PostgreSQL"),
    ],
)
def test_what_cannot_be_a_ledger_is_refused_before_anything_begins(task, tmp_path, monkeypatch, said, what):
    monkeypatch.setenv("NOT_ONE", "s3cret")
    with pytest.raises(LedgerError, match=what) as refused:
        run(task, tmp_path / "s", said)
    assert "s3cret" not in str(refused.value)
    assert not (tmp_path / "s").exists()


def test_a_missing_driver_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"pip install 'tuned-ensembles\[postgres\]'"):
        checked("postgresql://ann@db.example/studies")


def test_one_writes_a_study_and_others_are_told(database):
    one, other = Database(database, uuid.uuid4().hex), Database(database, uuid.uuid4().hex)
    with writing(one):
        assert is_written(one)
        assert not is_written(other)
        with pytest.raises(LedgerError, match="another process runs this study"), writing(one):
            pass
        with writing(other):
            pass
    assert not is_written(one)


def test_a_wrong_password_and_a_server_that_is_gone_are_a_sentence(server, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    with pytest.raises(LedgerError, match="password authentication failed") as refused:
        open_storage(Database(server.url(), "a"))
    assert "s3cret" not in str(refused.value)
    with pytest.raises(LedgerError, match="cannot be used"):
        open_storage(Database("postgresql://ann@127.0.0.1:1/studies", "a"))


def test_a_server_that_never_answers_is_told_after_a_limit(monkeypatch):
    monkeypatch.setattr(database_url, "_SECONDS", 2)  # the least that the driver takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://ann@127.0.0.1:{silent.getsockname()[1]}/studies"
        with pytest.raises(LedgerError, match=r"cannot be used: .*timeout"):
            open_storage(Database(address, "a"))
    assert database_url.limited(url := make_url(f"{address}?connect_timeout=60")) == url, "what the user says stands"


def test_a_study_in_a_database_is_read_by_those_who_may_only_read(task, tmp_path, server, database, monkeypatch):
    study = run(task, tmp_path / "s", database)
    assert not (tmp_path / "s" / "ledger.db").exists()
    reader = f"reader_{uuid.uuid4().hex}"
    with psycopg.connect(server.url(password=PASSWORD), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {reader} LOGIN PASSWORD 'looks'")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    monkeypatch.setenv("PGUSER", reader)
    monkeypatch.setenv("PGPASSWORD", "looks")
    stored = (tmp_path / "s" / "study.json").read_text()
    (tmp_path / "s" / "study.json").write_text(stored.replace(f"{USER}@", ""))
    with writing(Database(database.replace(USER, reader), "another")):
        seen = tuner.load_study(tmp_path / "s")
    assert seen.trials == study.trials
    assert seen.leaderboard().equals(study.leaderboard())
    assert seen.to_optuna().trials[0].values == study.to_optuna().trials[0].values


def test_a_study_keeps_its_ledger_and_two_studies_of_a_database_do_not_meet(task, tmp_path, database):
    one, other = run(task, tmp_path / "one", database), run(task, tmp_path / "other", database, trials=1)
    again = run(task, tmp_path / "one", trials=3)
    assert [trial.name for trial in again.trials][: len(one.trials)] == [trial.name for trial in one.trials]
    assert len(again.trials) == len(one.trials) + 1
    assert tuner.load_study(tmp_path / "other").trials == other.trials
    run(task, tmp_path / "file", trials=1)
    with pytest.raises(StudyError, match="its ledger is a file in the folder, not postgresql://"):
        run(task, tmp_path / "file", database, trials=2)


@pytest.mark.slow
@pytest.mark.cluster
def test_a_study_in_a_database_goes_on_in_a_wider_space_with_more_families(task, tmp_path, database):
    before = run(task, tmp_path / "s", database, trials=3)
    wider = {"linear": {"alpha": {"low": 1e-5, "high": 1e5}}, "random_forest": {"n_estimators": 20}}
    after = run(task, tmp_path / "s", families=wider, trials=6)
    assert after.ledger.trials("linear")[:3] == before.ledger.trials("linear")
    assert [len(after.ledger.trials(name)) for name in ("linear", "random_forest")] == [3, 3]
    assert tuner.load_study(tmp_path / "s").trials == after.trials
    narrower = {"linear": {"alpha": {"low": 1e-9, "high": 1e-8}}}
    moved = run(task, tmp_path / "s", families=narrower, trials=4)
    assert [one.outside is None for one in moved.ledger.trials("linear")] == [False, False, False, True]


def test_a_study_that_runs_elsewhere_is_neither_run_nor_thought_to_rest(task, tmp_path, database):
    run(task, tmp_path / "s", database)
    assert not is_running(tmp_path / "s")
    with writing(tuner.load_study(tmp_path / "s").ledger._store):
        assert is_running(tmp_path / "s")
        with pytest.raises(LedgerError, match="another process runs this study"):
            run(task, tmp_path / "s", trials=4)


def test_a_database_that_lost_the_study_is_told_and_nothing_is_repeated(task, tmp_path, database):
    run(task, tmp_path / "s", database).ledger.delete()
    with pytest.raises(StudyError, match="holds nothing of the study"):
        run(task, tmp_path / "s", trials=4)


@pytest.mark.slow
@pytest.mark.cluster
def test_the_password_reaches_no_file_and_no_worker(task, tmp_path, server, monkeypatch, capfd):
    seen = tmp_path / "seen"
    linear = FAMILIES["linear"]

    def build(config, signature):
        with seen.open("a") as file:
            file.write(f"{dict(os.environ)}\n")
        return linear.build(config, signature)

    mine = Family("mine", linear.space, build, (SKLEARN,), source="mine")
    monkeypatch.setenv("STUDIES", server.url(password=PASSWORD))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    study = tuner.tune(
        task, [mine], trials=2, workers=1, folder=tmp_path / "s", ledger="env:STUDIES",
        tracking=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )  # fmt: skip
    study.ensemble("uniform").save(tmp_path / "bundle")
    study.report()
    assert len(seen.read_text().splitlines()) >= 3, "the check of own families and two trials"
    assert "env:STUDIES" in (tmp_path / "s" / "study.json").read_text()
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert not holding
    assert PASSWORD not in "".join(capfd.readouterr())
    assert PASSWORD not in repr(study) + repr(study.ledger)
