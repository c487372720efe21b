"""One tar for the same files: the name of an image is a digest of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inventories.lab import rootfs, tree

names = st.text("abcdef", min_size=1, max_size=4)
paths = st.lists(names, min_size=2, max_size=4).map("/".join)
files = st.dictionaries(paths, st.tuples(st.binary(max_size=50), st.sampled_from([0o644, 0o600])))


@given(files)
def test_same_files_in_any_order_give_the_same_bytes_and_come_back(
    wanted: dict[str, tuple[bytes, int]],
) -> None:
    content = tree.tar(wanted)
    assert tree.tar(dict(reversed(wanted.items()))) == content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [member for member in archive if member.isfile()]
        assert {m.name for m in members} == set(wanted)
        assert all(m.uid == m.gid == 0 and m.mtime == 0 for m in archive)
        for member in members:
            stream = archive.extractfile(member)
            assert stream is not None
            assert (stream.read(), member.mode) == wanted[member.name]


def test_everything_that_makes_an_image_changes_its_name(tmp_path: Path) -> None:
    lines, overlay = ["deb http://m.example trixie main"], {"etc/x": (b"1", 0o644)}
    names = {
        rootfs._digest(lines, overlay),
        rootfs._digest(["deb http://n.example trixie main"], overlay),
        rootfs._digest(lines, {"etc/x": (b"2", 0o644)}),
        rootfs._digest(lines, {"etc/x": (b"1", 0o755)}),
        rootfs._digest(lines, {}),
    }
    assert len(names) == 5
    assert rootfs._digest(lines, overlay) in names
