"""The spool: order, limit, what a crash leaves, a disk that is full."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import BadSpool
from ingest.spool import Entry, Spool


def entries(numbers, size=100):
    return [Entry("ppg.chunks", f"d{n % 3}", f"{n}".encode().ljust(size, b".")) for n in numbers]


def drained(spool):
    found = []
    while batch := spool.oldest():
        found += batch
        spool.done(batch)
    return [int(one.value.rstrip(b".")) for one in found]


def test_what_is_kept_comes_back_in_order_and_leaves_nothing(tmp_path):
    spool = Spool(tmp_path, 10**9)
    spool.append(entries(range(5000)))
    assert len(list(tmp_path.glob("*.spool"))) > 1
    assert drained(spool) == list(range(5000))
    assert (len(spool), spool.bytes, list(tmp_path.glob("*.spool"))) == (0, 0, [])


def test_what_comes_while_it_is_drained_comes_after(tmp_path):
    spool = Spool(tmp_path, 10**9)
    spool.append(entries(range(10)))
    first = spool.oldest()
    spool.append(entries(range(10, 20)))
    assert [one.value[:2].strip(b".") for one in first] == [str(n).encode() for n in range(10)]
    spool.done(first)
    assert drained(spool) == list(range(10, 20))


def test_at_the_limit_the_oldest_go_and_are_counted(tmp_path):
    spool = Spool(tmp_path, 1_000_000)
    spool.append(entries(range(20_000)))
    left = drained(spool)
    assert left == list(range(20_000 - len(left), 20_000))
    assert spool.dropped == 20_000 - len(left)
    assert 1_000_000 * 0.8 < len(left) * 140 < 1_000_000 * 1.1


def test_a_batch_that_was_given_up_while_it_was_sent_does_not_take_the_next_one_with_it(tmp_path):
    spool = Spool(tmp_path, 600_000)
    spool.append(entries(range(2000)))
    underway = spool.oldest()
    spool.append(entries(range(2000, 6000)))
    spool.done(underway)
    left = drained(spool)
    assert left == list(range(left[0], 6000))
    assert left[0] == spool.dropped


def test_the_next_process_finds_what_was_kept_and_goes_on_behind_it(tmp_path):
    first = Spool(tmp_path, 10**9)
    first.append(entries(range(3000)))
    first.close()
    second = Spool(tmp_path, 10**9)
    second.append(entries(range(3000, 3010)))
    assert drained(second) == list(range(3010))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 3000))
def test_a_record_that_a_crash_cut_off_is_left_out_and_no_other(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("spool")
    first = Spool(folder, 10**9)
    first.append(entries(range(20)))
    first.close()
    (file,) = folder.glob("*.spool")
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    second = Spool(folder, 10**9)
    second.append(entries([99]))
    kept = max(0, len(whole) - cut) // (len(whole) // 20)
    found = drained(second)
    assert found[-1] == 99
    assert found[:-1] == list(range(len(found) - 1))
    assert abs(len(found) - 1 - kept) <= 1
    second.close()


def test_two_processes_do_not_share_a_spool(tmp_path):
    Spool(tmp_path, 10**6)
    with pytest.raises(BadSpool, match=r"in use by another p2es: set collect\.spool_folder"):
        Spool(tmp_path, 10**6)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSpool, match=r"spool .*file/x cannot be used: Not a directory; set collect\.spool_folder"):
        Spool(tmp_path / "file" / "x", 10**6)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_oldest_and_never_an_error(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        spool = Spool(tmp_path, 10**9)
        spool.append(entries(range(20_000)))
        left = drained(spool)
        assert left == list(range(left[0], 20_000))
        assert spool.dropped == left[0]
        assert len(left) > 3000
        spool.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_half_a_record_that_a_full_disk_took_does_not_hide_those_after_it(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        spool = Spool(tmp_path, 10**9)
        (tmp_path / "other").write_bytes(bytes(15 * 4096))  # one page is left: a record and a third
        spool.append(entries(range(2), size=3000))
        assert spool.dropped == 1
        (tmp_path / "other").unlink()
        spool.append(entries(range(2, 5), size=3000))
        spool.close()
        again = Spool(tmp_path, 10**9)
        assert drained(again) == [0, 2, 3, 4]
        again.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
