"""Mistakes of ``--cluster``: one line each, and exit code 2."""

import socket
import threading
from contextlib import suppress

import pytest

from harness.api.asking import Request
from harness.errors import HarnessError
from tests.command_line import module

pytest.importorskip("distributed")

from harness.execution.pools.cluster import connection

SCHEDULER = "python -m distributed.cli.dask_scheduler"
"""As docs/how-to/run-on-a-cluster.md starts it."""


def refusal(address):
    """Return what is said of an address."""
    with pytest.raises(HarnessError) as caught, connection.connected(address, print):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch):
    """Nothing else is tried."""
    monkeypatch.setattr(connection, "find_spec", lambda _name: None)
    assert refusal("tcp://127.0.0.1:1") == (
        "--cluster needs the extra dask: pip install 'nn-harness[dask]' installs it"
    )


@pytest.mark.parametrize("text", ["local:0", "local:two", "local:", "local:-1", "local:99999"])
def test_a_number_of_local_processes_is_one(text):
    """From 1 on."""
    assert refusal(text) == f"--cluster {text}: not a number of processes from 1 to 4096. Write local:4"


def test_a_scheduler_file_is_one(tmp_path):
    """Named, there, and of that content."""
    for empty in ("", " "):
        assert refusal(empty).endswith(": an address is missing. Give tcp://HOST:PORT, a scheduler file, or local:4")
    missing, other = tmp_path / "missing.json", tmp_path / "other.json"
    assert refusal(str(missing)) == (
        f"--cluster {missing}: No such file or directory. Give tcp://HOST:PORT, a scheduler file, or local:4"
    )
    for content in ("", "{", "[]", "{}", '{"address": 5}', '{"address": "nowhere"}'):
        other.write_text(content)
        assert refusal(str(other)) == (
            f"--cluster {other}: not a scheduler file, which '{SCHEDULER} --scheduler-file FILE' writes. "
            "Give tcp://HOST:PORT, a scheduler file, or local:4"
        )


def test_an_address_where_nothing_listens_is_said_after_a_while(monkeypatch):
    """Five seconds, of which the test waits a part."""
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    assert refusal("tcp://127.0.0.1:1") == (
        "--cluster tcp://127.0.0.1:1: no Dask scheduler answered within 0.3 s. "
        f"'{SCHEDULER}' starts one and prints its address"
    )


def test_an_address_that_is_none_is_said(monkeypatch):
    """A protocol that Dask does not know."""
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    assert refusal("smtp://127.0.0.1:1").startswith(
        "--cluster smtp://127.0.0.1:1: no Dask scheduler can be reached there: ValueError: unknown address scheme"
    )


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silence", "another protocol"])
def test_what_listens_there_and_is_no_scheduler_is_said(monkeypatch, answer):
    """It may say nothing, or speak another protocol."""
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            with suppress(OSError):  # closed: the test has ended
                while True:
                    with server.accept()[0] as client, suppress(OSError):  # it has gone
                        client.sendall(answer)

        threading.Thread(target=listen, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert refusal(address) == (
            f"--cluster {address}: no Dask scheduler answered within 0.3 s. "
            f"'{SCHEDULER}' starts one and prints its address"
        )


def test_an_open_port_where_nothing_answers_is_said(monkeypatch):
    """Dask's own client would wait there for ever."""
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:  # the system accepts for it
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert refusal(address).startswith(f"--cluster {address}: no Dask scheduler answered within 0.3 s. ")


def test_jobs_beside_a_cluster_are_refused():
    """Workers say how many trials run at once."""
    with pytest.raises(HarnessError) as caught:
        Request("full", jobs=2, cluster="local:2")
    reason = "a worker runs as many trials at once as it has threads"
    assert str(caught.value) == f"--jobs 2 beside --cluster: {reason}. Leave --jobs out"


@pytest.mark.slow
def test_the_command_ends_with_code_2_and_one_line(tmp_path):
    """Whatever is wrong; HARNESS_JOBS is for runs on this machine, and is passed over."""
    for arguments, message in (
        (("--cluster", "tcp://127.0.0.1:1"), "no Dask scheduler answered within 5 s"),
        (("--cluster", "local:2", "--jobs", "2"), "--jobs 2 beside --cluster"),
    ):
        output = module("harness", "run", "quick", *arguments, cwd=tmp_path, code=2, HARNESS_JOBS="3")
        errors = [line for line in output.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert message in errors[0]
        assert "Traceback" not in output
