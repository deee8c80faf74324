"""The lab's tools `ran` and `during` in pods of a real cluster.

A pod reaches neither the lab's files nor the project, so both tools talk to the client by objects
in the project's folder of the bucket. `ran a` leaves an object that the client adds to the file
RAN. `during m`, and `ran a` as the moment `a.start`, waits while the client has the lab's own
`during m` act on the project, if something is to be done at that moment.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("ran", "during")
EXECUTED, PENDING, REACHED = "executed", "moments/pending", "moments/reached"
_INTERVAL_S = 0.2
# Both tools are this text, and differ by their name.
TOOL = f"""\
#!/usr/bin/env python3
import json, os, sys, time, uuid
import botocore.session

remotes = json.loads(os.environ["DVC_BRIDGE_STORE"]).values()
remote = next(options for options in remotes if "url" in options)
bucket, _, folder = remote["url"].removeprefix("s3://").partition("/")
client = botocore.session.get_session().create_client("s3", endpoint_url=remote["endpointurl"])

def put(kind, name, text=""):
    client.put_object(Bucket=bucket, Key=f"{{folder}}/{{kind}}/{{name}}", Body=text.encode())

def is_pending(moment):
    prefix = f"{{folder}}/{PENDING}/{{moment}}"
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return prefix in [item["Key"] for item in found]

moment = sys.argv[1]
if os.path.basename(sys.argv[0]) == "ran":
    put("{EXECUTED}", uuid.uuid4().hex, moment)
    moment += ".start"
if is_pending(moment):
    put("{REACHED}", moment)
    while is_pending(moment):
        time.sleep({_INTERVAL_S})
"""


class Folder:
    """The objects of one project in the bucket.

    Parameters
    ----------
    name
        Bucket and folder, with a slash between them.
    """

    def __init__(self, name: str) -> None:
        self._bucket, _, self._root = name.partition("/")
        self._client = bucket_client()

    def names(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind."""
        prefix = f"{self._root}/{kind}/"
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in found.get("Contents", ())]

    def read(self, kind: str, name: str) -> str:
        """Return the text of an object."""
        found = self._client.get_object(**self._object(kind, name))
        return str(found["Body"].read().decode())

    def put(self, kind: str, name: str) -> None:
        """Create an empty object."""
        self._client.put_object(**self._object(kind, name))

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, if it exists."""
        self._client.delete_object(**self._object(kind, name))

    def _object(self, kind: str, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._root}/{kind}/{name}"}


@contextmanager
def answered(folder: Folder) -> Iterator[None]:
    """Act at the moments that pods reach, and add the stages they execute to the file RAN."""
    for kind in (PENDING, REACHED):
        for name in folder.names(kind):
            folder.delete(kind, name)
    during = Path(os.environ["DURING"])
    for file in during.iterdir() if during.is_dir() else ():
        folder.put(PENDING, file.name)
    over = threading.Event()
    thread = threading.Thread(target=_answer, args=(folder, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _bring_executed(folder)


def _answer(folder: Folder, over: threading.Event) -> None:
    while not over.wait(_INTERVAL_S):
        for moment in folder.names(REACHED):
            subprocess.run(["during", moment], check=False)
            folder.delete(REACHED, moment)
            folder.delete(PENDING, moment)


def _bring_executed(folder: Folder) -> None:
    with Path(os.environ["RAN"]).open("a") as notes:
        for name in folder.names(EXECUTED):
            notes.write(f"{folder.read(EXECUTED, name)}\n")
            folder.delete(EXECUTED, name)


def bucket_client() -> Any:
    """Open the S3 server of the cluster."""
    import botocore.session

    endpoint = os.environ["CLUSTER_S3_ENDPOINT"]
    return botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
