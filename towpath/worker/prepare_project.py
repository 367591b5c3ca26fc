"""`towpath worker prepare-project`: one project's directories in an environment; prints how to start its supervisor."""

import argparse
import json
from pathlib import Path

from towpath.worker.preparing import prepare_project


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="towpath worker prepare-project", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--worker-gid", type=int)
    options = parser.parse_args(arguments)
    prepared = prepare_project(
        options.directory.absolute(),
        project=options.project,
        uid=options.uid,
        gid=options.gid,
        worker_gid=options.worker_gid,
    )
    print(json.dumps(prepared))
