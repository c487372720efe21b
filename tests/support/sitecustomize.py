"""Counts the SSH channels a run opens, per address, into the file that COUNT_CHANNELS names.

Python imports this by itself when the folder is on PYTHONPATH: pyinfra runs unchanged.
"""

import atexit
import collections
import json
import os

if os.environ.get("COUNT_CHANNELS"):
    import paramiko

    counts: "collections.Counter[str]" = collections.Counter()
    real = paramiko.Transport.open_channel

    def open_channel(self, *args, **kwargs):
        counts[self.getpeername()[0]] += 1
        return real(self, *args, **kwargs)

    paramiko.Transport.open_channel = open_channel

    def save() -> None:
        with open(os.environ["COUNT_CHANNELS"], "w") as out:
            json.dump(counts, out)

    atexit.register(save)
