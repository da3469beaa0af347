"""Build the search structures of a shard: `python edge_optimize.py SHARD`, printing the count of points.

It is a program of its own because Edge's optimize holds the interpreter lock for minutes: inside semrec it
would stop every other thread, also those that answer. It imports nothing of semrec. Its priority is low, so
that answers stay fast meanwhile.
"""

from __future__ import annotations

import os
import sys

from qdrant_edge import CountRequest, EdgeShard


def main(path: str) -> None:
    """Optimize the shard in `path` and print how many points it holds."""
    os.nice(10)
    shard = EdgeShard.load(path)
    shard.optimize()
    n_points = shard.count(CountRequest(exact=True))
    shard.flush()
    shard.close()
    sys.stdout.write(f"{n_points}\n")


if __name__ == "__main__":
    main(sys.argv[1])
