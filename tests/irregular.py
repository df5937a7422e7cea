"""Paths that are not regular files: to read one would wait without end, or never end."""

import os
import socket

KINDS = ("pipe", "folder", "device", "socket")


def make_irregular(path, kind):
    """Make a path of one of `KINDS`; a device is a link to one."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
