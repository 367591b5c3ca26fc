"""`towpath worker prepare`: an environment's directories, made by whoever places its worker; prints how to start it."""

import argparse
import json
from pathlib import Path

from towpath.worker.preparing import prepare


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="towpath worker prepare", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    options = parser.parse_args(arguments)
    print(json.dumps(prepare(options.directory.absolute(), uid=options.uid, gid=options.gid)))
