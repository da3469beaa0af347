"""The command line: a command reads its options, calls one function of the library, and prints.

Data goes to standard output, all messages to standard error. Exit status 2 means wrong use, 1 a failure, 130
that the command was stopped with Ctrl-C.
"""

from __future__ import annotations

import sys

STOPPED = 130


def main() -> None:
    """Run the command line."""
    try:
        from semrec.cli.commands import app  # takes half a second, in which Ctrl-C may come
        from semrec.cli.terminal import prepare_interrupts, prepare_streams

        prepare_streams()
        prepare_interrupts()
        app()
    except KeyboardInterrupt:
        sys.stderr.write("stopped.\n")
        sys.exit(STOPPED)
