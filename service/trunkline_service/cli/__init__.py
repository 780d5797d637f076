"""The command `trunkline`."""

import sys
from collections.abc import Sequence
from importlib import import_module

from trunkline_service.cli import terminal
from trunkline_service.cli.arguments import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PIPE, EXIT_USAGE, parse
from trunkline_service.cli.terminal import Failure, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; without `arguments`, they are the process's."""
    terminal.prepare()
    try:
        try:
            options = parse(arguments)
            # What a command needs is imported with it: `chat` works without the service, and --help is quick.
            module, _, function = options.run.partition(":")
            return int(getattr(import_module(module), function)(options))
        finally:
            terminal.write("")
    except SystemExit as end:
        # After --help, or a mistake in the arguments.
        return int(end.code or 0)
    except UsageError as error:
        terminal.say(f"trunkline: {error}")
        return EXIT_USAGE
    except Failure as error:
        terminal.say(f"trunkline: {error}")
        return EXIT_FAILED
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("trunkline", "trunkline_service"):
            raise
        terminal.say(f"trunkline: {error.name} is not installed: pip install 'trunkline[service]'")
        return EXIT_USAGE
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            # The prompt comes on a line of its own.
            terminal.say("")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        terminal.close_output()
        return EXIT_PIPE
    except terminal.OutputError as error:
        terminal.close_output()
        terminal.say(f"trunkline: cannot write to the standard output: {error}")
        return EXIT_FAILED
