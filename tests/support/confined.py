"""What the kernel says of a process: who it is, what it may do, what it shares with this system. Linux only."""

import functools
import operator
from dataclasses import dataclass
from pathlib import Path

SPACES = ("ipc", "mnt", "net", "pid", "uts")


@dataclass(frozen=True)
class Confinement:
    """How a process is confined; what is not said is as it should be."""

    uids: frozenset[int]
    gids: frozenset[int]
    capabilities: int = 0
    """All that it has, could take, or hand on."""
    may_gain_privileges: bool = False
    calls_are_filtered: bool = True
    root_is_read_only: bool = True
    shares: frozenset[str] = frozenset()
    """The namespaces that are this process's own too."""


def confinement_of(pid: int) -> Confinement:
    """As /proc tells."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    told = {name: value.split() for name, value in (line.split(":", 1) for line in lines)}
    sets = (int(told[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    mine, its = (Path(f"/proc/{one}/ns") for one in ("self", pid))
    return Confinement(
        uids=frozenset(map(int, told["Uid"])),
        gids=frozenset(map(int, told["Gid"])),
        capabilities=functools.reduce(operator.or_, sets),
        may_gain_privileges=told["NoNewPrivs"] != ["1"],
        calls_are_filtered=told["Seccomp"] == ["2"],
        root_is_read_only="ro" in mounts_of(pid)["/"],
        shares=frozenset(space for space in SPACES if (mine / space).readlink() == (its / space).readlink()),
    )


def mounts_of(pid: int) -> dict[str, set[str]]:
    """The options of what is mounted in its file system, by place."""
    lines = Path(f"/proc/{pid}/mounts").read_text(encoding="utf-8").splitlines()
    return {where: set(flags.split(",")) for _, where, _, flags, *_ in map(str.split, lines)}
