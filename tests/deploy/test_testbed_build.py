"""Servers in the cache: built once whoever asks, and never half."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.testbed import build


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_need", lambda server: None)
    return tmp_path / "p2es"


def test_of_two_who_want_it_one_builds_and_both_have_it(cache, monkeypatch):
    begun, go_on, runs = threading.Event(), threading.Event(), []

    def run(command, folder, environment=None):
        runs.append(command)
        begun.set()
        assert go_on.wait(20)
        (folder / "kafka.jar").write_text("whole")
        return ""

    monkeypatch.setattr(build, "_run", run)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(build.kafka_libraries, lambda text: None)
        assert begun.wait(20)
        second = pool.submit(build.kafka_libraries, lambda text: None)
        assert not second.done()
        go_on.set()
        assert first.result(20) == second.result(20)
    assert (first.result() / "kafka.jar").read_text() == "whole"
    assert len(runs) == 1


def test_what_failed_leaves_nothing_that_looks_whole(cache, monkeypatch):
    def run(command, folder, environment=None):
        (folder / "kafka.jar").write_text("half")
        raise build.BuildFailed("mvn failed")

    monkeypatch.setattr(build, "_run", run)
    with pytest.raises(build.BuildFailed, match="mvn failed"):
        build.kafka_libraries(lambda text: None)
    assert [one.name for one in cache.iterdir() if one.is_dir()] == []
