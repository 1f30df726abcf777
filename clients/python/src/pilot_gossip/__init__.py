"""The shared maps of a pilot-gossip agent that runs on this host.

    with pilot_gossip.connect(swarm="kv") as agent:
        tasks = agent.map("tasks")
        tasks["7"] = {"owner": "a", "done": False}
        tasks.increment("count")

The agent is reached by the socket in its data folder: one JSON object a line, each way. What is
written is on the agent's disk when the call returns.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Optional, Union

__all__ = ["Agent", "Change", "PilotGossipError", "SharedMap", "Watch", "connect"]

#: What a map holds: None, bool, int, float, str, lists of these, dictionaries of these by str.
Json = Any

#: The version of the lines that agent and client exchange.
PROTOCOL = 1

#: Bytes that the path of a socket may have; the agent uses the same limit.
_MAX_SOCKET_PATH = 100

#: Seconds after which a connection is not used again: the agent closes it after 30 without a request.
_MAX_IDLE = 20.0

#: Bytes of one read from the socket.
_CHUNK = 65536

#: Up to this a 64-bit float holds every integer exactly.
_MAX_INT = 2**53

#: Entries of one request of `update`, in characters of JSON: a request may have 16 MiB.
_MAX_BATCH = 1_000_000


class PilotGossipError(Exception):
    """The agent refused a request, or no agent runs. ``code`` is stable; ``hint`` says what to do."""

    def __init__(self, code: str, message: str, hint: Optional[str] = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Change:
    """A change of one key."""

    key: str
    #: ``set`` or ``delete``
    action: str
    #: The new value; None for ``delete``.
    value: Json
    #: The value before; None if there was none.
    old: Json
    #: The id of the writer, as far as it is known.
    writer: Optional[int]
    #: The agent that wrote it, as far as it is known.
    node: Optional[str]


def connect(
    swarm: Optional[str] = None,
    *,
    data: Union[str, "os.PathLike[str]", None] = None,
    timeout: float = 10.0,
) -> Agent:
    """Connects to the agent of that swarm, or to the one on that data folder.

    ``timeout``: seconds to wait for each answer. Raises PilotGossipError: ``not_running``,
    ``invalid_argument`` if it belongs to another swarm or uses another version.
    """
    if swarm is None and data is None:
        raise PilotGossipError(
            "invalid_argument", "connect needs a swarm or a data folder", 'write connect(swarm="NAME")'
        )
    folder = os.fspath(data) if data is not None else os.path.join(_state_root(), str(swarm))
    agent = Agent(folder, swarm, timeout)
    try:
        agent.ask("hello", protocol=PROTOCOL)
    except BaseException:
        agent.close()
        raise
    return agent


class Agent:
    """A connection to the running agent. Several threads may share it: their calls take turns."""

    def __init__(self, folder: str, swarm: Optional[str], timeout: float) -> None:
        self.folder = folder
        self._swarm = swarm
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: Optional[_Connection] = None

    def map(self, name: str = "state", *, hot: bool = False) -> SharedMap:
        """The map of that name; ``hot`` uses the layout for keys that are overwritten all day."""
        return SharedMap(self, name, hot)

    def status(self) -> dict[str, Json]:
        """The agent's own state, its maps and its peers."""
        return self.ask("status")

    def peers(self, *, ask: bool = False) -> list[dict[str, Json]]:
        """Its peers; with ``ask`` it first pulls from one of them."""
        peers: list[dict[str, Json]] = self.ask("peers", ask=ask)["peers"]
        return peers

    def stop(self) -> None:
        """Stops the agent cleanly."""
        self.ask("stop")
        self.close()

    def close(self) -> None:
        """Closes the connection, not the agent. The next call opens a new one."""
        with self._lock:
            self._drop()

    def ask(self, command: str, **fields: Json) -> dict[str, Json]:
        """Sends one request, as in docs/socket.md, and returns the data of its answer."""
        with self._lock:
            connection = self._fit()
            try:
                return connection.ask(self._request(command, fields), self._timeout)
            except PilotGossipError as error:
                if not error.__dict__.get("is_answer"):
                    self._drop()
                raise
            except BaseException:
                # A late answer must not be taken for the answer to the next request.
                self._drop()
                raise

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, command: str, fields: Mapping[str, Json]) -> dict[str, Json]:
        of_swarm = {} if self._swarm is None else {"swarm": self._swarm}
        return {"command": command, **of_swarm, **fields}

    def _open(self) -> _Connection:
        return _Connection(self.folder, self._timeout)

    def _fit(self) -> _Connection:
        if self._connection is not None and time.monotonic() - self._connection.used > _MAX_IDLE:
            self._drop()
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SharedMap(MutableMapping[str, Json]):
    """A map that many agents share, as a dictionary."""

    def __init__(self, agent: Agent, name: str, hot: bool) -> None:
        self.agent = agent
        self.name = name
        self._writing: dict[str, Json] = {"hot": True} if hot else {}

    def __getitem__(self, key: str) -> Json:
        return self._of_key("get", key)["value"]

    def __setitem__(self, key: str, value: Json) -> None:
        self._ask("set", key=_text(key), value=value, **self._writing)

    def __delitem__(self, key: str) -> None:
        self._of_key("delete", key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._ask("has", key=key)["has"] is True

    def __iter__(self) -> Iterator[str]:
        return iter(self._ask("keys")["keys"])

    def __len__(self) -> int:
        return len(self._ask("keys")["keys"])

    def __repr__(self) -> str:
        return f"<SharedMap {self.name!r} of the agent on {self.agent.folder!r}>"

    def items(self) -> Any:
        """Keys with their values, sorted by key; read in one step."""
        return self.copy().items()

    def values(self) -> Any:
        return self.copy().values()

    def copy(self) -> dict[str, Json]:
        """A copy of the whole map."""
        entries: dict[str, Json] = self._ask("list")["entries"]
        return entries

    def set(self, key: str, value: Json, *, path: Optional[str] = None) -> None:
        """Writes a value, or the part of one at ``path``, a JSON Pointer."""
        of_part = {} if path is None else {"path": path}
        self._ask("set", key=_text(key), value=value, **of_part, **self._writing)

    def delete(self, key: str) -> bool:
        """Deletes a key; returns whether it was there."""
        try:
            del self[key]
        except KeyError:
            return False
        return True

    def increment(self, key: str, by: Union[int, float] = 1) -> Union[int, float]:
        """Adds to a number, 0 if there is none; returns the sum. Concurrent increments all count."""
        total: Union[int, float] = self._ask("increment", key=_text(key), by=by)["value"]
        return total

    def append(self, key: str, item: Json) -> int:
        """Appends to a list; returns its length. No concurrent append is lost."""
        length: int = self._ask("append", key=_text(key), value=item)["length"]
        return length

    def update(self, *others: Any, **more: Json) -> None:
        """Writes many entries, some thousand in each step."""
        batch: list[list[Json]] = []
        size = 0
        for key, value in dict(*others, **more).items():
            length = len(json.dumps([_text(key), value]))
            if batch and size + length > _MAX_BATCH:
                self._ask("put", entries=batch, **self._writing)
                batch, size = [], 0
            batch.append([key, value])
            size += length
        if batch:
            self._ask("put", entries=batch, **self._writing)

    def history(self, key: str) -> list[dict[str, Json]]:
        """The changes of a key with their writers, newest first, as far as they are known."""
        changes: list[dict[str, Json]] = self._of_key("history", key)["changes"]
        return changes

    def watch(
        self, key: Optional[str] = None, *, timeout: Optional[float] = None
    ) -> Watch:
        """Yields changes from this call on, until ``timeout`` seconds have passed.

        Raises PilotGossipError (``not_running``) as soon as the agent has ended.
        """
        of_key = {} if key is None else {"key": _text(key)}
        connection = self.agent._open()
        try:
            request = self.agent._request("watch", {"map": self.name, **of_key})
            connection.ask(request, self.agent._timeout)
        except BaseException:
            connection.close()
            raise
        return Watch(connection, timeout)

    def wait(self, is_so: Callable[[SharedMap], object], *, timeout: Optional[float] = None) -> None:
        """Returns when ``is_so(map)`` is true: checks now, and again after each change of the map.

        Raises TimeoutError after ``timeout`` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self.watch(timeout=timeout) as changes:
            while not is_so(self):
                if next(changes, None) is None or (end is not None and time.monotonic() > end):
                    raise TimeoutError(f"the condition was not met within {timeout} seconds")

    def _ask(self, command: str, **fields: Json) -> dict[str, Json]:
        return self.agent.ask(command, map=self.name, **fields)

    def _of_key(self, command: str, key: str) -> dict[str, Json]:
        try:
            return self._ask(command, key=_text(key))
        except PilotGossipError as error:
            if error.code == "not_found":
                raise KeyError(key) from None
            raise


class Watch(Iterator[Change]):
    """Yields changes over a connection of its own, until ``close`` or its timeout."""

    def __init__(self, connection: _Connection, timeout: Optional[float]) -> None:
        self._connection = connection
        self._is_over = False
        self._end = None if timeout is None else time.monotonic() + timeout

    def __next__(self) -> Change:
        if self._is_over:
            raise StopIteration
        left = None if self._end is None else max(self._end - time.monotonic(), 0.000_001)
        try:
            data = self._connection.receive(left)
        except PilotGossipError as error:
            self.close()
            if error.code == "timeout":
                raise StopIteration from None
            raise
        return Change(
            key=data["key"],
            action=data["action"],
            value=data.get("value"),
            old=data.get("old"),
            writer=data.get("writer"),
            node=data.get("node"),
        )

    def close(self) -> None:
        """Ends it. May be called twice."""
        self._is_over = True
        self._connection.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class _Connection:
    """One connection: the agent answers its requests in order."""

    def __init__(self, folder: str, timeout: float) -> None:
        self._folder = folder
        self._rest = bytearray()
        self._socket = _connected(folder, timeout)
        self.used = time.monotonic()

    def ask(self, request: Mapping[str, Json], timeout: float) -> dict[str, Json]:
        _check_numbers(request)
        line = json.dumps(request, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(line.encode("utf-8") + b"\n")
        except socket.timeout:
            raise self._late() from None
        except OSError:
            raise _not_running(self._folder, "has ended") from None
        answer = self.receive(timeout)
        self.used = time.monotonic()
        return answer

    def receive(self, timeout: Optional[float]) -> dict[str, Json]:
        answer = json.loads(self._line(timeout))
        data = answer.get("data")
        if answer.get("status") == "ok" and isinstance(data, dict):
            return data
        error = PilotGossipError(
            str(answer.get("code", "internal")), str(answer.get("message")), answer.get("hint")
        )
        error.__dict__["is_answer"] = True  # the connection is still usable
        raise error

    def close(self) -> None:
        self._socket.close()

    def _line(self, timeout: Optional[float]) -> bytes:
        self._socket.settimeout(timeout)
        searched = 0
        while True:
            end = self._rest.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._rest[:end])
                del self._rest[: end + 1]
                return line
            searched = len(self._rest)
            try:
                chunk = self._socket.recv(_CHUNK)
            except socket.timeout:
                raise self._late() from None
            except OSError:
                chunk = b""
            if not chunk:
                raise _not_running(self._folder, "has ended")
            self._rest += chunk

    def _late(self) -> PilotGossipError:
        return PilotGossipError(
            "timeout",
            f'the agent on "{self._folder}" did not answer in time',
            "it is busy or hangs: check what it prints, and start it again",
        )


def _text(key: object) -> str:
    if isinstance(key, str):
        return key
    raise TypeError(f"a key is a str, not {type(key).__name__}: {key!r}")


def _check_numbers(value: Json) -> None:
    """The agent stores numbers as 64-bit floats, which would change a longer integer."""
    if isinstance(value, int) and abs(value) > _MAX_INT:
        raise ValueError(f"{value} is beyond 2^53, the limit of exact numbers in JSON: write it as a str")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        _check_numbers(item)


def _state_root() -> str:
    """The folder that holds the data folders of all swarms of this user."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "pilot-gossip")


def _not_running(folder: str, what: str) -> PilotGossipError:
    return PilotGossipError(
        "not_running",
        f'the agent on "{folder}" {what}',
        f"start one with: pilot-gossip run --swarm NAME --data '{folder}' --detach",
    )


def _connected(folder: str, timeout: float) -> socket.socket:
    for path in _socket_paths(folder):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            return connection
        except PermissionError:
            connection.close()
            raise PilotGossipError(
                "permission_denied", f'the agent on "{folder}" belongs to another user', "run as that user"
            ) from None
        except OSError:
            connection.close()  # a dead agent left it; a live one may listen at the next
    raise _not_running(folder, "does not run")


def _socket_paths(folder: str) -> Iterable[str]:
    """Where the agent may listen: in the folder, at the noted path, or at the paths for long folders."""
    real = os.path.realpath(folder)
    own = os.path.join(real, "agent.sock")
    if _fits(own):
        yield own
    elsewhere = []
    try:
        with open(f"{own}.path", encoding="utf-8") as note:
            elsewhere.append(note.read().rstrip())
    except (OSError, UnicodeDecodeError):
        pass  # there is no note
    if not _fits(own):
        name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
        roots = [os.path.abspath(tempfile.gettempdir()), os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"]
        for root in roots:
            if os.path.isabs(root):
                elsewhere.append(os.path.join(root, f"pilot-gossip-{os.getuid()}", f"{name}.sock"))
    for path in elsewhere:
        if os.path.isabs(path) and _fits(path) and _is_private(os.path.dirname(path)):
            yield path


def _fits(path: str) -> bool:
    return len(os.fsencode(path)) <= _MAX_SOCKET_PATH


def _is_private(folder: str) -> bool:
    """Does it belong to this user alone? Otherwise its owner could answer in the agent's place."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
