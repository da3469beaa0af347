"""Streams that are closed, full, or cannot show every character."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from commands import invoke, one_line, run, write

CATALOG = "id,title,text\n1,机器学习,深度 网络\n2,Bü€,three four\n"


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A workspace of two items, whose titles are not in Latin-1."""
    folder = tmp_path_factory.mktemp("chinese")
    source = folder / "catalog.csv"
    source.write_text(CATALOG, encoding="utf-8")
    assert invoke("index", source, "-w", folder / "shop")[0] == 0
    return folder / "shop"


def test_a_closed_standard_output_is_an_error(chinese):
    for arguments in (("info", "-w", chinese), ("recommend", "--history", 1, "-w", chinese, "--json")):
        status, _, err = run(*arguments, preexec_fn=lambda: os.close(1))
        assert (status, err) == (1, "error: standard output is closed\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_standard_output_is_an_error(chinese):
    with open("/dev/full", "w") as full:
        status, _, err = run("info", "-w", chinese, "--json", stdout=full)
    assert status == 1
    assert err == "error: No space left on device; free some space and run the command again\n"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_without_unicode_gets_escapes(chinese, encoding):
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = ("recommend", "--history", 2, "-w", chinese)
    status, out, err = run(*command, environment=environment, stdout=subprocess.PIPE)
    assert status == 0, err
    assert r"\u673a\u5668\u5b66\u4e60" in out.decode(encoding)
    status, out, err = run(*command, "--json", environment=environment, stdout=subprocess.PIPE)
    assert status == 0, err
    assert json.loads(out.decode(encoding))["recommendations"][0]["title"] == "机器学习"


def test_a_reader_that_stops_reading_is_no_error_of_semrec(chinese):
    reader, writer = os.pipe()
    os.close(reader)
    status, _, err = run("info", "-w", chinese, "--json", stdout=writer)
    os.close(writer)
    assert status == 1
    assert err == ""


def test_ctrl_c_while_semrec_starts_is_one_line(tmp_path):
    """The module of the commands is loaded when the signal comes."""
    loads = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    write(tmp_path, loads, "typer.py")
    status, _, err = run("info", environment={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})
    assert (status, err) == (128 + signal.SIGINT, "stopped.\n")


def test_ctrl_c_while_torch_loads_waits_until_it_is_loaded(tmp_path):
    """The real one aborts the process if its C++ code meets an interrupt."""
    loads = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.3)\nprint('loaded')\n"
    write(tmp_path, loads, "torch.py")
    code = (
        "from semrec.cli.terminal import prepare_interrupts; prepare_interrupts()\n"
        "import time, torch\n"
        "try: time.sleep(30)\nexcept KeyboardInterrupt: print('stopped')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("loaded\nstopped\n", "")


def test_a_name_that_is_too_long_is_said_so(tmp_path):
    source = write(tmp_path, CATALOG.encode("ascii", "ignore").decode())
    status, _, err = invoke("index", source, "-w", tmp_path / ("a" * 300))
    assert status == 1
    assert "File name too long; use a shorter name" in one_line(err)
    assert "unexpected" not in err
