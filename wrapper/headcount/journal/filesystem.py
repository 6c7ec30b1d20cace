"""Whether a folder lies on a disk of this machine."""

from __future__ import annotations

import os
from pathlib import Path

_NETWORK = frozenset({"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"})


def is_network_filesystem(folder: Path) -> bool:
    """True when the system says that `folder` is on a network file system; False when it does not tell."""
    device = os.stat(folder).st_dev
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return False
    return filesystem_type(mounts, f"{os.major(device)}:{os.minor(device)}") in _NETWORK


def filesystem_type(mounts: str, device: str) -> str | None:
    """The type of the file system on `device` ("major:minor") in the text of Linux' mountinfo."""
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split(" ")[2:3] == [device]:
            return source.split(" ")[0]
    return None
