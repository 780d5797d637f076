"""Keys: where they come from, when they are read again, and that they are never shown."""

import os
from pathlib import Path

import pytest

from trunkline_service.config import ProviderSettings, Secret

KEY = "sk-test-0123456789"


def test_it_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    for secret in (Secret(env="A", environ={"A": KEY}), Secret(file=tmp_path / "key")):
        assert secret.value() == KEY
        settings = ProviderSettings(name="a", type="anthropic", base_url="", api_key=secret)
        assert KEY not in f"{secret!r} {secret} {settings}"


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key\n")
    secret = Secret(file=file)
    assert secret.value() == "first-key"
    before = file.stat()
    file.write_text("other-key\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert secret.value() == "other-key"


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key\n")
    secret = Secret(file=file)
    assert secret.value() == "first-key"
    before = file.stat()
    file.write_text("other-key\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert secret.value() == "first-key"


def test_a_file_that_is_being_replaced_keeps_its_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key")
    secret = Secret(file=file)
    assert secret.value() == "first-key"
    file.write_text("")
    assert secret.value() == "first-key"
    file.unlink()
    assert secret.value() == "first-key"
    (tmp_path / "new").write_text("second-key")
    (tmp_path / "new").replace(file)
    assert secret.value() == "second-key"


def test_without_a_key_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    for secret in (
        Secret(env="NO_KEY", environ={}),
        Secret(file=tmp_path / "nope"),
        Secret(file=tmp_path / "binary"),
    ):
        with pytest.raises(LookupError):
            secret.value()


def test_it_has_one_source() -> None:
    with pytest.raises(ValueError, match="one source"):
        Secret()
    with pytest.raises(ValueError, match="one source"):
        Secret(env="A", file=Path("a"))


def test_it_equals_one_with_the_same_source() -> None:
    assert Secret(env="A") == Secret(env="A")
    assert len({Secret(env="A"), Secret(env="A"), Secret(env="B"), Secret(file=Path("A"))}) == 3
