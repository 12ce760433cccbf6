"""Where an archive may be, and what goes wrong there: an S3 server, a folder, a disk that is full."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from api.devserver.address import listen
from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK
from domain.kernel.errors import ConfigurationError, SegmentUnreadable, Unavailable
from eventstore.archiving.blobs import BlobStore, open_blobs
from tests.helpers.archives import archive_all, folder
from tests.helpers.commits import Store, commit, open_store
from tests.helpers.notes import Written
from tests.helpers.servers import eventually

KEY, SECRET = "nerve-archiver", "a-secret-of-the-bucket"


class Bucket:
    """A bucket of an S3 server of its own, rclone's, which checks signatures."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "s3"
        (self.folder / "bucket").mkdir(parents=True)
        with closing(listen(LOOPBACK, 0)) as free:
            self.port = int(free.getsockname()[1])
        self._child: ChildProcess | None = None

    def start(self) -> None:
        rclone = str(Path(sys.executable).with_name("rclone"))
        command = [rclone, "serve", "s3", "--config", "/dev/null", "--addr", f"{LOOPBACK}:{self.port}"]
        self._child = ChildProcess(
            "rclone",
            [*command, "--auth-key", f"{KEY},{SECRET}", str(self.folder)],
            output=self.folder.with_suffix(".log"),
        )
        eventually(self._answers)

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def blobs(self, secret: str = SECRET, bucket: str = "bucket") -> BlobStore:
        where = {"endpoint": self.endpoint, "region": "us-east-1", "access_key": KEY, "secret_key": secret}
        return open_blobs(f"s3://{bucket}/of/nerve", **where)

    async def remove(self, name: str) -> None:
        store = S3Store(
            "bucket",
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )
        await obstore.delete_async(store, f"of/nerve/{name}")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    found = Bucket(tmp_path)
    found.start()
    yield found
    found.kill()


async def fill(store: Store, size: int = 10) -> None:
    for number in range(6):
        await store.log.append(commit(f"note-{number}", 0, Written(text=f"{number}" * size)))


async def test_an_archive_in_a_bucket_is_read_as_the_log_was(
    mongo_url: str, database: str, bucket: Bucket
) -> None:
    async with open_store(mongo_url, database, archive=bucket.blobs()) as store:
        await fill(store)
        before = await store.everything()
        assert await archive_all(store, bucket.blobs()) == 2
        assert await store.everything() == before
        (first, _) = await store.log.archive.segments()
    content = await bucket.blobs().get(first.name)
    assert content
    await bucket.blobs().put(first.name, content[:-9] + b"x" + content[-8:])
    async with open_store(mongo_url, database, archive=bucket.blobs()) as store:
        with pytest.raises(SegmentUnreadable, match=r"segment 1 .*changed"):
            await store.everything()
        await bucket.remove(first.name)
        with pytest.raises(SegmentUnreadable, match=r"segment 1 .*missing"):
            await store.everything()


async def test_a_bucket_that_is_down_or_refuses_leaves_the_log_as_it_is(
    mongo_url: str, database: str, bucket: Bucket
) -> None:
    """Then archiving is refused; what is archived already waits, and is there once the server is back."""
    async with open_store(mongo_url, database, archive=bucket.blobs()) as store:
        await fill(store)
        before = await store.everything()
        for wrong in bucket.blobs(secret="another"), bucket.blobs(bucket="none"):
            with pytest.raises(Unavailable, match="cannot store") as refused:
                await archive_all(store, wrong)
            assert SECRET not in str(refused.value)
        assert await store.everything() == before
        await archive_all(store, bucket.blobs())
    async with open_store(mongo_url, database, archive=bucket.blobs()) as store:
        bucket.kill()
        with pytest.raises(Unavailable, match="cannot be reached to read"):
            await store.everything()
        await store.log.append(commit("note-new", 0, Written(text="meanwhile")))
        bucket.start()
        assert (await store.everything())[:6] == before
    async with open_store(mongo_url, database, archive=bucket.blobs(secret="another")) as store:
        with pytest.raises(Unavailable, match="refuses access to"):
            await store.everything()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for 32 KiB."""
    path = tmp_path / "tiny"
    path.mkdir()
    options = ["-t", "tmpfs", "-o", "size=32k", "tmpfs", str(path)]
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("a disk can only be mounted by root")
    yield path
    subprocess.run(["umount", str(path)], check=True)


async def test_a_disk_that_is_full_leaves_the_log_as_it_is(mongo_url: str, database: str, tiny: Path) -> None:
    """Once there is room, archiving goes on where it was."""
    async with open_store(mongo_url, database, archive=folder(tiny)) as store:
        await fill(store)
        before = await store.everything()
        filler = tiny / "filler"
        filler.write_bytes(bytes(32 * 1024 - 4096))
        with pytest.raises(Unavailable, match=r"cannot store .*No space left"):
            await archive_all(store, folder(tiny), commits=2)
        assert await store.everything() == before
        filler.unlink()
        await archive_all(store, folder(tiny), commits=2)
        assert await store.everything() == before
        assert await store.documents.count_documents({"archived": {"$exists": False}}) == 0


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://host/folder", "expected file:///folder or s3://bucket/prefix"),
        ("/var/archive", "expected file:///folder"),
        ("file://host/folder", "expected file:///folder"),
        ("file:///", "expected file:///folder"),
        ("s3://", "expected file:///folder"),
        ("s3://key:secret@bucket/", "expected file:///folder"),
        ("file:///dev/null/archive", "the folder cannot be used: .*Not a directory"),
        ("file:///proc/archive", "the folder cannot be used: "),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_at_start(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        open_blobs(url)
    assert "secret" not in str(refused.value)
