"""What is installed, what is imported, what is exported, and that what the documentation shows is right."""

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor

import trunkline
from trunkline import v1
from trunkline.v1 import (
    batch_service_pb2,
    chat_input_pb2,
    chat_service_pb2,
    embedding_service_pb2,
    error_reason_pb2,
    message_pb2,
    model_service_pb2,
    route_pb2,
    usage_pb2,
    warning_pb2,
)
from trunkline_service.app import Gateway

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients/python"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE = ("grpcio", "protobuf", "googleapis-common-protos")
FILES: list[FileDescriptor] = [
    module.DESCRIPTOR
    for module in (
        batch_service_pb2,
        chat_input_pb2,
        chat_service_pb2,
        embedding_service_pb2,
        error_reason_pb2,
        message_pb2,
        model_service_pb2,
        route_pb2,
        usage_pb2,
        warning_pb2,
        usage_pb2,
        warning_pb2,
    )
]


def test_dependencies() -> None:
    names = [re.match(r"[\w.-]+", each)[0] for each in PROJECT["project"]["dependencies"]]  # type: ignore[index]
    assert sorted(names) == sorted(BASE)


def test_the_wheel_has_the_types() -> None:
    assert "clients/python/trunkline" in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (CLIENT / "trunkline/py.typed").exists()


def test_needs_no_other_package() -> None:
    """All that is importable is the standard library and what the base dependencies bring."""
    program = """
import sys
allowed = {*sys.stdlib_module_names, "trunkline", "grpc", "google", "typing_extensions"}
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
import trunkline, trunkline.v1
from trunkline.statuses import error
try:
    import grpc_health
except ModuleNotFoundError:
    print(*sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"}))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert {"grpc", "google", "trunkline"} <= set(done.stdout.split())
    assert "trunkline_service" not in done.stdout


def test_everything_of_the_contract_is_exported() -> None:
    names = {name for file in FILES for name in (*file.message_types_by_name, *file.enum_types_by_name)}
    stubs = {
        template.format(name)
        for template in ("{}Stub", "{}Servicer", "add_{}Servicer_to_server")
        for file in FILES
        for name in file.services_by_name
    }
    assert set(v1.__all__) == names | stubs
    assert all(hasattr(v1, name) for name in v1.__all__)
    protos = {path.name for path in (ROOT / "protos/trunkline/v1").glob("*.proto")}
    assert protos == {Path(file.name).name for file in FILES}, "a new file of the contract needs its place here"


@pytest.mark.parametrize("module", [trunkline, v1])
def test_exports(module: object) -> None:
    exported = module.__all__  # type: ignore[attr-defined]
    assert len(exported) == len(set(exported))
    assert [name for name in exported if not hasattr(module, name)] == []


def _documented() -> Iterator[tuple[str, object]]:
    """What of the package's own is to be called, with the methods of its classes."""
    for name in trunkline.__all__:
        thing = getattr(trunkline, name)
        if not thing.__module__.startswith("trunkline.") or thing.__module__.startswith("trunkline.v1"):
            continue
        if not inspect.isclass(thing):
            yield name, thing
        elif not issubclass(thing, Exception | tuple | dict):
            yield name, thing
            for member, value in inspect.getmembers(thing, inspect.isfunction):
                if not member.startswith("_"):
                    yield f"{name}.{member}", value


@pytest.mark.parametrize("thing", [pytest.param(thing, id=name) for name, thing in [*_documented()]])
def test_what_is_public_has_an_example_that_parses(thing: object) -> None:
    description, _, example = (inspect.getdoc(thing) or "").partition("Example:\n")
    assert description.strip()
    assert example.strip()
    compile(textwrap.dedent(example), "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)


def test_every_argument_is_described() -> None:
    tree = ast.parse((CLIENT / "trunkline/requests.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            kinds = [type(each) for each in node.body[1:]]
            assert kinds == [ast.AnnAssign, ast.Expr] * (len(kinds) // 2), node.name


README = (CLIENT / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
async def test_the_examples_of_the_readme_run(example: str, gateway: Gateway) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-c", example],
        env={**os.environ, "TRUNKLINE_ADDRESS": gateway.address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search("You said: |The tool answered: 18 degrees", done.stdout)


def test_files_are_short() -> None:
    long = {path.name for path in (CLIENT / "trunkline").glob("*.py") if len(path.read_text().splitlines()) >= 400}
    assert not long
