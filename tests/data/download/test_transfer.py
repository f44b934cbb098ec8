"""Promise: what a fetch leaves under its name is whole, whatever the network does."""

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest

from crosswake.core.errors import CrosswakeError
from crosswake.data.download.transfer import RemoteFile, disk_errors, fetch
from crosswake.data.download.web import Patience, read_url, require_web
from tests.data.download.serving import Behaviour

CONTENT = np.random.default_rng(0).bytes(1_500_000)
HURRIED = Patience(tries=3, pause_seconds=0.0)
PART = f".chips.bin.{hashlib.md5(CONTENT).hexdigest()[:8]}.part"


def offered(server: Behaviour, content: bytes = CONTENT, **changes: object) -> RemoteFile:
    server.files["/chips.bin"] = content
    facts = {"name": "chips.bin", "url": f"{server.base}/chips.bin", "size": len(content)}
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    return RemoteFile(**(facts | {"checksum": checksum} | changes))  # type: ignore[arg-type]


def test_whole_file(server: Behaviour, tmp_path: Path) -> None:
    path = fetch(offered(server), tmp_path / "new" / "folder", quiet=True)
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["chips.bin"]


def test_empty_file(server: Behaviour, tmp_path: Path) -> None:
    assert fetch(offered(server, b""), tmp_path, quiet=True).read_bytes() == b""


def test_what_is_there_is_not_fetched_again(server: Behaviour, tmp_path: Path) -> None:
    file = offered(server)
    fetch(file, tmp_path, quiet=True)
    asked = len(server.requests)
    fetch(file, tmp_path, quiet=True)
    assert len(server.requests) == asked


def test_goes_on_after_cut_connections(server: Behaviour, tmp_path: Path) -> None:
    server.cuts = 4  # more than the tries, but bytes are gained each time
    assert fetch(offered(server), tmp_path, quiet=True, patience=HURRIED).read_bytes() == CONTENT
    starts = [int(part.removeprefix("bytes=").rstrip("-") or 0) for _, part in server.gets]
    assert starts == sorted(starts)
    assert len(starts) == 5
    assert starts[1] == 750_000


def test_goes_on_from_an_earlier_run(server: Behaviour, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(CONTENT[:1000])
    assert fetch(offered(server), tmp_path, quiet=True).read_bytes() == CONTENT
    assert server.gets == [("/chips.bin", "bytes=1000-")]


def test_server_without_ranges_starts_over(server: Behaviour, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = 2
    assert fetch(offered(server), tmp_path, quiet=True, patience=HURRIED).read_bytes() == CONTENT


def test_server_without_ranges_that_always_cuts_ends(server: Behaviour, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = 1000
    with pytest.raises(CrosswakeError, match="the connection was cut at 750000 of 1500000 bytes"):
        fetch(offered(server), tmp_path, quiet=True, patience=HURRIED)
    assert len(server.gets) == 4


@pytest.mark.parametrize(
    "stale", [b"another version", b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)]
)
def test_stale_part_gets_a_fresh_start(server: Behaviour, tmp_path: Path, stale: bytes) -> None:
    (tmp_path / PART).write_bytes(stale)
    assert fetch(offered(server), tmp_path, quiet=True, patience=HURRIED).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["other content", "folder", "link to nowhere"])
def test_what_lies_under_the_name_is_not_replaced(
    server: Behaviour, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "chips.bin"
    if kind == "folder":
        path.mkdir()
    elif kind == "link to nowhere":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_bytes(b"mine" * (len(CONTENT) // 4))
    before = path.lstat()
    with pytest.raises(CrosswakeError, match="exists, and is not the file that was announced"):
        fetch(offered(server), tmp_path, quiet=True)
    assert path.lstat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["chips.bin"]


def test_a_part_that_is_a_link_or_no_file_is_refused(server: Behaviour, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / PART).symlink_to(mine)
    with pytest.raises(CrosswakeError, match="is a link or no file"):
        fetch(offered(server), tmp_path, quiet=True)
    (tmp_path / PART).unlink()
    (tmp_path / PART).mkdir()
    with pytest.raises(CrosswakeError, match="is a link or no file"):
        fetch(offered(server), tmp_path, quiet=True)
    assert (mine.read_text(), server.requests) == ("mine", [])


def test_a_part_of_another_program_stays(server: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "chips.bin.part").write_bytes(b"of a browser")
    fetch(offered(server), tmp_path, quiet=True)
    assert (tmp_path / "chips.bin.part").read_bytes() == b"of a browser"


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1:9/x", "file:///etc/hostname", "data:text/plain,x", "http://[::1", "//"],
)
def test_redirects_stay_on_the_web(server: Behaviour, tmp_path: Path, address: str) -> None:
    server.redirects["/chips.bin"] = address
    with pytest.raises(CrosswakeError) as caught:
        fetch(offered(server), tmp_path, quiet=True, patience=HURRIED)
    assert str(caught.value).isprintable()
    server.redirects["/chips.bin"] = f"{server.base}/there.bin"
    server.files["/there.bin"] = CONTENT
    assert fetch(offered(server), tmp_path, quiet=True).read_bytes() == CONTENT


def test_a_redirect_does_not_give_up_encryption() -> None:
    require_web("https://zenodo.org/x", encrypted=True)
    require_web("http://zenodo.org/x")
    with pytest.raises(CrosswakeError, match="https is expected"):
        require_web("http://zenodo.org/x", encrypted=True)


def test_wrong_checksum_says_what_was_expected(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError) as caught:
        fetch(offered(server, checksum="md5:" + "0" * 32), tmp_path, quiet=True, patience=HURRIED)
    assert hashlib.md5(CONTENT).hexdigest() in str(caught.value)
    assert "expected md5:000" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_transient_refusals_are_tried_again(server: Behaviour, tmp_path: Path) -> None:
    server.failures = 2
    assert fetch(offered(server), tmp_path, quiet=True, patience=HURRIED).read_bytes() == CONTENT


def test_short_and_long_answers(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match="the connection was cut at 1500000 of 1500009 bytes"):
        fetch(offered(server, size=len(CONTENT) + 9), tmp_path / "a", quiet=True, patience=HURRIED)
    with pytest.raises(CrosswakeError, match="longer than the 1499991 bytes announced"):
        fetch(offered(server, size=len(CONTENT) - 9), tmp_path / "b", quiet=True, patience=HURRIED)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("{base}/nothing", "404"),
        ("http://127.0.0.1:9/chips.bin", "no connection"),
        ("file:///etc/hostname", "http or https is expected"),
    ],
)
def test_errors_are_one_line(server: Behaviour, tmp_path: Path, url: str, message: str) -> None:
    address = url.format(base=server.base)
    with pytest.raises(CrosswakeError, match=message) as caught:
        fetch(offered(server, url=address), tmp_path, quiet=True, patience=HURRIED)
    assert "\n" not in str(caught.value)
    assert address in str(caught.value)


def test_no_room_on_the_disk(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(CrosswakeError, match=r"needed, .* free"):
        fetch(offered(server, size=10**18), tmp_path, quiet=True)
    assert server.requests == []


def test_disk_that_fills_up() -> None:
    with (
        pytest.raises(CrosswakeError, match=r"chips.part: cannot be written \(No space left"),
        disk_errors(Path("chips.part")),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_short_answers_are_bounded(server: Behaviour) -> None:
    server.files["/answer"] = b"x" * 100
    assert read_url(f"{server.base}/answer", 100) == b"x" * 100
    with pytest.raises(CrosswakeError, match="unreasonably long"):
        read_url(f"{server.base}/answer", 99)
