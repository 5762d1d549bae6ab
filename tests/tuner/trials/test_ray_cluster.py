"""Studies on a cluster of Ray."""

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from drive import FAMILIES
from killing import HERE, check_whole, finish, proposals, start, wait_for
from small import make_frame

import tuner
from tuner.cli import main
from tuner.launch.tune import plan_of
from tuner.studyfile import read_study_toml
from tuner.trials.ray_cluster import (
    ClusterError,
    RayCluster,
    ask_nodes,
    check_nodes,
    checked_cluster,
    connected,
    differences,
    look,
    versions_here,
)


@pytest.fixture
def cluster():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
    from ray_nodes import cluster_of

    with cluster_of(2) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("workers", "given", "what"),
    [
        (2, {"slots": 1}, 'ray says where trials run with workers="ray", got workers=2'),
        ("ray", {"adress": "a"}, "ray has no 'adress': it takes address, slots, resources"),
        ("ray", {"slots": 0}, "ray: slots must be a whole number of at least 1, got 0"),
        ("ray", {"resources": {"CPU": 0}}, "ray: resources: CPU must be more than 0, got 0"),
    ],
)
def test_what_cannot_be_a_cluster_is_refused(workers, given, what):
    with pytest.raises(ClusterError) as refused:
        checked_cluster(workers, given)
    assert str(refused.value) == what


@pytest.mark.parametrize(("given", "slots"), [(None, 1), ({"slots": 3}, 3)])
def test_a_launch_takes_the_slots_of_its_cluster(given, slots):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
    task = tuner.Task(make_frame(), "label")
    plan = plan_of(task, ["linear"], workers="ray", ray=given, trials=1)
    assert plan.workers == slots
    assert plan.cluster == checked_cluster("ray", given)


def test_a_study_file_says_what_a_trial_occupies(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "s"\nworkers = "ray"\n[ray]\nslots = 3\nresources = { CPU = 2, GPU = 0.5 }\n'
        '[data]\ntrain = "rows.csv"\ntarget = "y"\n'
    )
    launch = read_study_toml(tmp_path / "s.toml").launch
    cluster = checked_cluster(launch["workers"], launch["ray"])
    assert (cluster.slots, cluster.of_a_trial) == (3, {"CPU": 2.0, "GPU": 0.5})


def test_a_cluster_without_tokens_is_told_from_one_that_asks_for_them(monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    assert RayCluster("10.0.0.1:6379").is_open
    assert not RayCluster().is_open
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert not RayCluster("10.0.0.1:6379").is_open


def test_a_node_says_whether_it_shares_the_folder(tmp_path):
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / "token").write_text("one")
    assert look(str(tmp_path / "probe"), "one", answer="here")[2] is None
    assert (tmp_path / "probe" / "here").exists()
    assert look(str(tmp_path / "probe"), "other", answer="here")[2] == f"in {tmp_path} there are other files"
    assert look(str(tmp_path / "no" / "probe"), "one", answer="x")[2] == f"{tmp_path / 'no'} cannot be reached from it"
    assert not differences(versions_here(), versions_here())


def tuned(folder, cluster, trials, **ray):
    task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
    return tuner.tune(
        task, FAMILIES, trials=trials, seed=9, folder=folder, tracking=None, progress=False, sampler="optuna.tpe",
        turns="trials", workers="ray", ray={"address": cluster.address, **ray},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.cluster
def test_one_slot_of_a_cluster_proposes_and_finds_what_a_local_run_does(cluster, tmp_path):
    far = tuned(tmp_path / "far", cluster, 4, slots=1)
    finish(tmp_path / "near", 1, "none", 4)
    near = tuner.load_study(tmp_path / "near")
    assert proposals(far) == proposals(near)
    assert {t.name: t.value for t in far.trials} == pytest.approx({t.name: t.value for t in near.trials})
    assert far.ensemble("uniform").members


@pytest.mark.slow
@pytest.mark.cluster
def test_a_killed_driver_loses_and_repeats_nothing_on_a_cluster(cluster, tmp_path):
    folder = tmp_path / "s"
    driver = start(folder, "ray", "none", 6, "none", cluster.address)
    assert wait_for(lambda: len(list((folder / "trials").glob("*/1/result.json"))) >= 2, 120)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    finish(folder, "ray", "none", 6, "none", cluster.address)
    check_whole(folder, "none", 6)


@pytest.mark.slow
@pytest.mark.cluster
def test_doctor_asks_every_node(cluster, tmp_path):
    done = CliRunner().invoke(main, ["doctor", "--cluster", cluster.address, "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.output.count("the same") == 3, "the head and two nodes"
    assert "no tokens" not in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.cluster
def test_a_node_that_is_lost_while_it_is_asked_is_left_out(cluster, tmp_path, monkeypatch):
    import ray

    everywhere = ray.remote

    def remote(**options):
        cluster.lose(0)  # between the list of nodes and the question
        monkeypatch.setattr(ray, "remote", everywhere)
        return everywhere(**options)

    with connected(cluster.address):
        monkeypatch.setattr(ray, "remote", remote)
        found = ask_nodes(tmp_path)
    assert len(found) == 2, "the head and the node that is left"
    assert all(one.complaint is None for one in found)


@pytest.mark.slow
@pytest.mark.cluster
def test_what_a_killed_driver_left_of_its_probe_is_removed(cluster, tmp_path):
    (tmp_path / ".probe-00000000").mkdir()
    (tmp_path / ".probe-00000000" / "token").touch()
    with connected(cluster.address):
        check_nodes(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.cluster
def test_who_has_not_the_token_of_a_cluster_is_refused_in_a_sentence(cluster, tmp_path, monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name)
    driver = start(tmp_path / "s", "ray", "none", 2, "none", cluster.address)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert f"ClusterError: no cluster of Ray answers at {cluster.address}" in said.decode()


@pytest.mark.slow
@pytest.mark.cluster
def test_a_cluster_of_this_machine_alone_has_tokens_and_neither_dashboard_nor_statistics(tmp_path):
    alone = """
import os, ray
from ray._common.usage.usage_lib import usage_stats_enabled
from ray._raylet import AuthenticationMode, get_authentication_mode
from tuner.trials.ray_cluster import connect
print(connect(None), bool(ray._private.worker._global_node.webui_url), usage_stats_enabled())
print(get_authentication_mode() == AuthenticationMode.TOKEN)
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = kept | {"HOME": str(tmp_path), "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.split() == ["True", "False", "False", "True"], done.stderr


@pytest.mark.slow
@pytest.mark.cluster
def test_a_cluster_that_does_not_answer_is_a_sentence(tmp_path):
    pytest.importorskip("ray")

    class Nowhere:
        address = "127.0.0.1:1"

    with pytest.raises(ClusterError, match=r"no cluster of Ray answers at 127\.0\.0\.1:1"):
        tuned(tmp_path / "s", Nowhere, 2)
