"""The last word of a command that ends outside a job: wrong usage, an error before a job, or without one."""

import logging
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from engine.cli.reporting import EXIT_CANCELLED, EXIT_JOB_FAILED, Ending, print_result, set_up_logging
from engine.contracts.errors import EngineError

_AS_JSON = "engine.cli.as_json"

_logger = logging.getLogger(__name__)


class CommandLine(TyperGroup):
    """The commands: each ends with the exit code that is promised, and with an object if a script asks for one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether a script asks: that is to be known even where its other words are wrong."""
        ctx.meta[_AS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises:
            typer.Exit: It has ended, with its exit code.
            TyperException: Wrong usage, which typer tells a person.
        """
        as_json = ctx.meta[_AS_JSON]
        try:
            return super().invoke(ctx)
        except TyperException as error:
            if as_json:
                _tell_script("failed", _phrase_usage(error), f"See {ctx.info_name} --help.")
            raise
        except KeyboardInterrupt:
            if as_json:
                _tell_script("cancelled")
            raise typer.Exit(EXIT_CANCELLED) from None
        except EngineError as error:
            if as_json:
                _tell_script("failed", error.message, error.hint)
            else:
                typer.echo(f"{error.message}\n{error.hint}", err=True)
            raise typer.Exit(EXIT_JOB_FAILED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            set_up_logging(as_json)
            _logger.exception("An unexpected error ended the command")
            if as_json:
                _tell_script("failed", str(error))
            raise typer.Exit(EXIT_JOB_FAILED) from None


def _phrase_usage(error: TyperException) -> str:
    # Of typer's own kinds some have their sentence made when it is shown.
    phrase = getattr(error, "format_message", None)
    return str(phrase() if phrase else error)


def _tell_script(status: str, error: str = "", hint: str = "") -> None:
    fields = {"status": status} | ({"error": error, "hint": hint} if error else {})
    print_result(Ending(summary="", fields=fields), as_json=True)
