import struct
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from airflow_datamove.distcp.sizing import format_bandwidth, round_bandwidth, size_job

MIB = 2**20


@given(
    files=st.integers(0, 10**8),
    bytes=st.integers(0, 2**55),
    slots=st.integers(1, 10_000),
    slot_rate=st.integers(1, 2**40),
)
def test_the_cap_is_never_passed(files: int, bytes: int, slots: int, slot_rate: int) -> None:
    maps, bandwidth = size_job(files, bytes, slots, slot_rate)
    assert maps >= 1
    assert bandwidth >= 1
    assert maps * bandwidth <= slots * slot_rate
    assert maps <= max(1, files)


@given(st.integers(1, 2**45))
def test_what_distcp_reads_is_not_above_what_was_meant(rate: int) -> None:
    # DistCp parses -bandwidth into a Java float, which is what struct's f is.
    read = struct.unpack("f", struct.pack("f", float(format_bandwidth(rate))))[0]
    assert Decimal(read) * MIB == round_bandwidth(rate)
    assert 0 < round_bandwidth(rate) <= rate
    assert round_bandwidth(rate) > rate * (1 - 2**-22)


def test_a_large_job_uses_its_slots() -> None:
    maps, bandwidth = size_job(10_000, 2**42, 8, 25 * MIB)
    assert maps == 13
    assert maps * bandwidth > 0.999 * 8 * 25 * MIB


def test_a_lone_file_gets_the_whole_rate() -> None:
    assert size_job(1, 2**40, 4, 25 * MIB) == (1, 100 * MIB)


def test_little_work_starts_few_maps() -> None:
    assert size_job(10_000, 100 * MIB, 100, 100 * MIB)[0] == 2
    assert size_job(5, 0, 1, 100 * MIB)[0] == 1


def test_bandwidth_is_a_plain_decimal() -> None:
    assert format_bandwidth(25 * MIB) == "25"
    assert format_bandwidth(1) == "0.00000095367431640625"
