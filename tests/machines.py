"""Several machines on one: network namespaces that a bridge joins, each with a host name and a view of files."""

import os
import secrets
import subprocess
from contextlib import contextmanager

SUBNET = "10.213.47"
"""Of the namespaces alone: no packet of theirs reaches this machine's own network."""


def ip(*arguments):
    """Run ``ip``."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def refusal():
    """Return why this machine gives no network namespaces; empty: it does."""
    if os.geteuid():
        return "needs root"
    try:
        with network("trial"):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"needs network namespaces: {getattr(error, 'stderr', error)}".strip()


class Network:
    """Machines by name, and the switch between them, a namespace too."""

    def __init__(self):
        self._token = secrets.token_hex(3)
        self._machines = []
        self._switch = self._namespace("switch")
        ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", self._switch, "link", "set", "bridge", "up")

    def _namespace(self, name):
        namespace = f"{name}-{self._token}"
        ip("netns", "add", namespace)
        self._machines.append(namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        return namespace

    def add(self, name):
        """Add a machine; return its address."""
        namespace, address = self._namespace(name), f"{SUBNET}.{len(self._machines)}"
        ip("-n", self._switch, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self._switch, "link", "set", name, "master", "bridge", "up")
        ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        return address

    def on(self, name, *hidden):
        """Return the beginning of a command that runs on a machine, where folders of this one are empty."""
        empty = "".join(f'mount -t tmpfs none "{folder}" && ' for folder in hidden)
        script = f'hostname {name} && {empty}exec "$@"'
        return ["ip", "netns", "exec", f"{name}-{self._token}", "unshare", "-m", "-u", "sh", "-c", script, "sh"]

    def cut(self, name):
        """Pull a machine's cable: packets are lost, and neither side is informed."""
        ip("-n", self._switch, "link", "set", name, "down")

    def mend(self, name):
        """Put it in again."""
        ip("-n", self._switch, "link", "set", name, "up")

    def remove(self):
        """Remove all namespaces; the interfaces go with them."""
        for namespace in self._machines:
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)


@contextmanager
def network(*names):
    """Yield a network of machines and their addresses by name."""
    joined = None
    try:
        joined = Network()
        yield joined, {name: joined.add(name) for name in names}
    finally:
        if joined:
            joined.remove()
