"""The arguments of the command line, and its help."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from trunkline_service.cli import values
from trunkline_service.cli.terminal import write

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_PIPE = 1, 2, 130, 141

_HELP = """\
commands:
  serve           run the gateway
  check           check a configuration file
  simulate        run a provider that costs nothing and fails on demand
  chat            ask a model through a gateway
  count           count the tokens of a text
  models          list the models that a gateway's providers have
  import-portkey  turn a config of Portkey's into routes and providers
  status          show what a gateway on this machine does: routes, targets, breakers, latencies
  reload          let a gateway on this machine read its configuration file again

examples:
  trunkline serve                            providers by the keys in the environment, and the simulator
  trunkline chat "What is a trunk line?" --model anthropic/claude-haiku-4-5
  git diff | trunkline chat --system "Write a commit message." --model anthropic/claude-sonnet-5
  trunkline count --model anthropic/claude-haiku-4-5 < essay.txt
  trunkline models --provider anthropic

exit codes:
  0    done
  1    the call failed, or the service could not start
  2    the arguments, a file or the environment have to change
  130  interrupted by Ctrl-C; but serve and simulate, which are meant to end so, exit with 0
  141  the reader of the output went away
"""
_SERVE = """\
Runs the gateway until SIGTERM or Ctrl-C; then the calls in flight may end (limits.drain_grace).
Logs are JSON, one line a call.

Without a file, the providers are those with a key in the environment, ANTHROPIC_API_KEY,
OPENAI_API_KEY or GEMINI_API_KEY (and ANTHROPIC_BASE_URL and so on, if they are elsewhere),
and the simulator.
"""
_SERVE_EXAMPLES = """\
examples:
  trunkline serve
  trunkline serve --config gateway.yaml
  trunkline serve --listen 0.0.0.0:50051 --insecure

a configuration file:
  listen: 127.0.0.1:50051
  providers:
    anthropic:
      type: anthropic
      api_key: {env: ANTHROPIC_API_KEY}
      timeouts: {connect: 5s, first_event: 2m}
  models:
    fast: anthropic/claude-haiku-4-5
"""
_CHAT = """\
Streams the answer to the standard output; reasoning and everything else goes to the standard error.
"""
_CHAT_EXAMPLES = """\
examples:
  trunkline chat "Hello" --model anthropic/claude-haiku-4-5
  trunkline chat "Prove it." --model anthropic/claude-opus-5-5 --thinking on --effort high
  trunkline chat --json < question.txt | jq .completion.usage
  trunkline chat "Hello" --model simulator/paced-n40-g50
  trunkline chat "Hello" --model simulator/cut-n5; echo $?
"""


_MODELS = """\
Prints a line for each model: its name, the tokens that fit into it and into its answer, what a million
tokens in and out cost in dollars, and what has become of it. A dash stands for what is not known.
"""
_MODELS_EXAMPLES = """\
examples:
  trunkline models
  trunkline models --provider anthropic --can image_input --can batch
  trunkline models anthropic/claude-haiku-4-5 --json | jq .prices
"""


_IMPORT_PORTKEY = """\
Prints the providers and the route that a config of Portkey's stands for, as a configuration file has them.
What has no counterpart, what works in another way and what is left to do goes to the standard error.
Keys are not copied: the providers name environment variables.
"""
_IMPORT_PORTKEY_EXAMPLES = """\
examples:
  trunkline import-portkey config.json > gateway.yaml && trunkline check gateway.yaml
  trunkline import-portkey - --name support --provider anthropic=claude-eu < config.json
"""
_STATUS = """\
Shows the configuration in force, the calls by each route, and each target: whether it is asked, how many calls
it has in flight, how long its answers take to begin, and what it failed of last.
"""
_RELOAD = """\
Lets the gateway read its configuration file again, as SIGHUP does. With a mistake in it, nothing changes.
"""


class _Parser(argparse.ArgumentParser):
    """Shows help as it is laid out here, and the part that takes time to make only when it is asked for."""

    def __init__(self, **options: Any) -> None:
        self.last_words: Callable[[], str] | None = None
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def format_help(self) -> str:
        """Return the help."""
        if self.last_words:
            self.epilog = self.last_words()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is, without the long list of options."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        # Takes as long to import as all the rest.
        from importlib.metadata import version

        write(f"trunkline {version('trunkline')}\n")
        parser.exit()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; `run` names the function that is to get them. Exits after --help and mistakes."""
    parser = _Parser(
        prog="trunkline",
        usage="trunkline [--version] COMMAND …",
        description="A gRPC gateway in front of LLM providers.",
        epilog=_HELP,
        add_help=False,
    )
    parser.add_argument("--help", "-h", action="help", help="show this, or with a command, its help")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version")
    commands = parser.add_subparsers(prog="trunkline", metavar="COMMAND", required=True, help=argparse.SUPPRESS)
    _serve(commands.add_parser("serve", description=_SERVE, epilog=_SERVE_EXAMPLES))
    _check(commands.add_parser("check", description="Reports every mistake in a configuration file, with its line."))
    _simulate(commands.add_parser("simulate"))
    _chat(commands.add_parser("chat", description=_CHAT, epilog=_CHAT_EXAMPLES))
    _count(commands.add_parser("count", description="Prints how many tokens a text is to a model."))
    _models(commands.add_parser("models", description=_MODELS, epilog=_MODELS_EXAMPLES))
    _import_portkey(commands.add_parser("import-portkey", description=_IMPORT_PORTKEY, epilog=_IMPORT_PORTKEY_EXAMPLES))
    _status(commands.add_parser("status", description=_STATUS))
    _reload(commands.add_parser("reload", description=_RELOAD))
    return parser.parse_args(arguments)


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.service:serve")
    parser.add_argument("--config", metavar="FILE", help="a configuration file, YAML")
    parser.add_argument("--listen", metavar="HOST:PORT", help="instead of the file's address; port 0 is any free one")
    parser.add_argument(
        "--insecure",
        action="store_true",
        default=None,
        help="listen without TLS even where other machines can connect",
    )


def _check(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.service:check")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--live", action="store_true", help="also ask each provider for its models, which costs nothing"
    )


def _simulate(parser: _Parser) -> None:
    parser.description = """\
Runs an HTTP server on loopback that speaks the wire formats of all providers, until Ctrl-C.
What it received is at /_simulator/calls."""
    parser.last_words = _describe_simulator
    parser.set_defaults(run="trunkline_service.cli.service:simulate")
    parser.add_argument(
        "--port", type=values.integer(0, 65535), default=8788, help="default: %(default)s; 0 is any free one"
    )


def _describe_simulator() -> str:
    try:
        from trunkline_service.simulator import describe
    except ModuleNotFoundError:
        return "Needs the service: pip install 'trunkline[service]'"
    return describe()


def _chat(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.calls:chat")
    _question(parser)
    tuning = parser.add_argument_group("how to answer")
    tuning.add_argument("--max-tokens", type=values.integer(0, 2**31 - 1), metavar="N", help="at most so many tokens")
    tuning.add_argument(
        "--temperature", type=values.number, metavar="T", help="how freely to sample; 0 to 1 on Anthropic"
    )
    tuning.add_argument(
        "--top-p", type=values.number, metavar="P", help="sample from the likeliest tokens up to this, 0 to 1"
    )
    tuning.add_argument(
        "--stop", type=values.text, action="append", metavar="TEXT", help="end before this; may be repeated"
    )
    tuning.add_argument(
        "--thinking", type=values.thinking, metavar="on|off|N", help="whether to reason, or for how many tokens at most"
    )
    tuning.add_argument("--effort", type=values.text, help="how hard to work: low, medium, high …")


def _count(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.calls:count")
    _question(parser)


def _models(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.calls:models")
    parser.add_argument(
        "model", nargs="?", type=values.text, help="only this one, as chat takes it: PROVIDER/MODEL or an alias"
    )
    parser.add_argument("--provider", "-p", type=values.text, metavar="NAME", help="only this provider's")
    parser.add_argument(
        "--can", type=values.text, action="append", metavar="WORD", help="only those that can do this; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="retired models, too")
    parser.add_argument(
        "--json", action="store_true", help="print all that is known, as protobuf's JSON, one line a model"
    )
    _where(parser)


def _import_portkey(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.portkey:import_portkey")
    parser.add_argument("file", metavar="FILE", help="the config, JSON; - is the standard input")
    parser.add_argument(
        "--name", type=values.name, default="portkey", help="what to call the route; default: %(default)s"
    )
    parser.add_argument(
        "--provider",
        "-p",
        type=values.renamed,
        action="append",
        metavar="PORTKEY=NAME",
        help="what to call a provider or virtual key of Portkey's; default: the same; may be repeated",
    )


def _status(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.operating:status")
    parser.add_argument("--json", action="store_true", help="print all that is known, as protobuf's JSON")
    _admin(parser)


def _reload(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run="trunkline_service.cli.operating:reload")
    _admin(parser)


def _admin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin",
        type=values.text,
        metavar="ADDRESS",
        help="the gateway's admin_listen; default: $TRUNKLINE_ADMIN_ADDRESS, or 127.0.0.1:51051",
    )


def _question(parser: argparse.ArgumentParser) -> None:
    """Add what `chat` and `count` share."""
    parser.add_argument("text", nargs="?", type=values.text, help="what to say; without it, or with -, standard input")
    parser.add_argument(
        "--model",
        "-m",
        type=values.text,
        help="PROVIDER/MODEL or an alias; default: $TRUNKLINE_MODEL, or simulator/text",
    )
    parser.add_argument(
        "--system", "-s", type=values.text, metavar="TEXT", help="instructions ahead of the conversation"
    )
    parser.add_argument("--route", type=values.text, metavar="NAME", help="a route of the gateway's configuration")
    parser.add_argument("--json", action="store_true", help="print the whole response, as protobuf's JSON")
    _where(parser)


def _where(parser: argparse.ArgumentParser) -> None:
    """Add what all calls share."""
    call = parser.add_argument_group("where to call")
    call.add_argument(
        "--address", "-a", type=values.text, metavar="HOST:PORT", help="default: $TRUNKLINE_ADDRESS, or 127.0.0.1:50051"
    )
    call.add_argument("--tls", action="store_true", help="use TLS, with the system's certificates")
    call.add_argument("--ca", metavar="FILE", help="use TLS, with the certificates in this file")
    call.add_argument("--timeout", type=values.seconds, metavar="SECONDS", default=600.0, help="default: %(default)g")
