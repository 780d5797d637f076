"""protos/breaking lets the contract grow, and nothing else, from the first release on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools/bin"
CHAT = "protos/trunkline/v1/chat_service.proto"

pytestmark = pytest.mark.skipif(
    not (TOOLS / "buf").exists() and os.environ.get("CI") != "true", reason="buf is not installed: make .tools/.ready"
)


class Repository:
    """A repository of its own that holds the contract."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(ROOT / "protos", path / "protos")
        self.git("init", "-q")
        self.commit()

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.path, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "The contract")

    def edit(self, old: str, new: str) -> None:
        text = (self.path / CHAT).read_text()
        assert text.count(old) == 1
        (self.path / CHAT).write_text(text.replace(old, new))

    def check(self) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
        return subprocess.run(
            [self.path / "protos/breaking"], env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


GROWS = ("string id = 1;\n  // The answer;", "string id = 1;\n  // New.\n  string new = 15;\n  // The answer;")


def test_without_a_release_anything_goes(repository: Repository) -> None:
    repository.edit("int32 input_tokens = 1;", "string input_tokens = 1;")
    repository.git("tag", "nightly")
    assert repository.check().returncode == 0


def test_it_may_grow(repository: Repository) -> None:
    repository.git("tag", "v0.1.0")
    assert repository.check().returncode == 0
    repository.edit(*GROWS)
    found = repository.check()
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("int32 input_tokens = 1;", "string input_tokens = 1;", "changed type"),
        ("int32 input_tokens = 1;", "int32 tokens = 1;", "changed name"),
        ("int32 input_tokens = 1;", "int32 input_tokens = 17;", 'field "1"'),
        ("  rpc CountTokens(CountTokensRequest) returns (CountTokensResponse);\n", "", 'RPC "CountTokens"'),
        ("FINISH_REASON_OTHER = 10;", "FINISH_REASON_ELSE = 10;", "changed name"),
        ("returns (stream StreamChatResponse)", "returns (StreamChatResponse)", "stream"),
    ],
)
def test_what_was_released_stays(repository: Repository, old: str, new: str, says: str) -> None:
    repository.git("tag", "v0.1.0")
    repository.edit(old, new)
    found = repository.check()
    assert found.returncode != 0
    assert says in found.stdout


def test_the_last_release_counts(repository: Repository) -> None:
    repository.git("tag", "v0.1.0")
    repository.edit(*GROWS)
    repository.commit()
    repository.git("tag", "v0.2.0")
    repository.edit("  // New.\n  string new = 15;\n", "")
    assert "new" in repository.check().stdout
