"""The figures of a benchmark are those that wrk printed."""

import pytest

from tests.bench.load import read

PRINTED = """
Running 8s test @ http://127.0.0.1:8001/c/abc
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    15.40ms    3.11ms  61.20ms   82.10%
    Req/Sec     4.17k   310.52     4.71k    70.00%
  Latency Distribution
     50%  950.00us
     75%   16.90ms
     90%   19.02ms
     99%    1.25s
  33240 requests in 8.01s, 9.12MB read
{faults}Requests/sec:   4149.81
Transfer/sec:      1.14MB
"""


def test_a_run_is_read_in_one_unit_each():
    run = read(PRINTED.format(faults=""), connections=64, busy_us=3_324_000)
    assert (run.connections, run.answers, run.failed) == (64, 33240, 0)
    assert (run.seconds, run.p50_ms, run.p99_ms) == pytest.approx((8.01, 0.95, 1250))
    assert run.per_s == pytest.approx(4149.8, abs=0.1)
    assert run.cpu_us == 100


def test_what_failed_is_no_answer():
    faults = (
        "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 40\n"
    )
    run = read(PRINTED.format(faults=faults), connections=8, busy_us=1)
    assert (run.answers, run.failed) == (33200, 50)
