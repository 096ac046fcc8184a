#!/usr/bin/env python3
"""A store's data directory in other hands: the peer fills it, ours starts on it, the peer starts on ours.

    swap_data_dir.py BINARY BLOCKS --peer BINARY

BLOCKS is a directory of blocks of ../shared/bench/makeblocks.py. Each store serves the same bucket from the same
--data-dir, one after the other, and is asked the same queries. Prints what each one asked of the bucket until it was
ready and had answered. Exit code 1 when an answer differs, when ours asks the index of a block for what the peer's
header has, or when the peer does not start on what ours left.
"""
import argparse
import sys

from measure_warm_queries import QUERIES, Stack, folder, last_time
from roles import Stand


class Swap(Stack):
    """A stack whose store uses a directory that exists."""

    def __init__(self, stand, bucket, data, binary=None):
        super().__init__(stand, bucket, binary, f"--data-dir={data}")


def visit(stand, bucket, data, end, binary=None):
    """(answers, operations) of one store."""
    stack = Swap(stand, bucket, data, binary)
    answers = {name: stack.ask(query, end) for name, query in QUERIES.items()}
    operations = stack.counts()[0]
    stack.query.kill()
    stack.store.process.terminate()
    if stack.store.wait(30) is None:
        raise TimeoutError("the store does not end")
    return answers, operations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("blocks")
    parser.add_argument("--peer", required=True)
    options = parser.parse_args()
    end, bucket, failed = last_time(options.blocks), folder(options.blocks), 0
    with Stand(options.binary) as stand:
        data, fresh = stand.path("data"), stand.path("fresh")
        alone, cold = visit(stand, bucket, fresh, end)
        print(f"ours on an empty directory: {cold:.0f} operations")
        for name, binary in (("peer", options.peer), ("ours after the peer", None), ("peer after ours", options.peer),
                             ("ours again", None)):
            answers, operations = visit(stand, bucket, data, end, binary)
            same = answers == alone
            headers = len(list(data.rglob("index-header")))
            print(f"{name}: {operations:.0f} operations, {headers} headers, answers {'equal' if same else 'DIFFER'}")
            failed |= not same
            failed |= binary is None and operations >= cold
    print("failed" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
