"""Every command explains itself."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from sealdesk.cli import main


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        assert command.name == name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), list(commands(main)), ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_help_ends_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    answer = CliRunner().invoke(main, [*path, "--help"])
    assert answer.exit_code == 0
    assert command.help
    if not isinstance(command, click.Group):
        assert f"Example: {'' if 'SEALDESK' in answer.output else 'sealdesk '}" in answer.output


def test_a_command_that_is_none_exits_with_two() -> None:
    assert CliRunner().invoke(main, ["frobnicate"]).exit_code == 2


def test_a_fault_is_one_sentence_and_exit_code_one() -> None:
    answer = CliRunner().invoke(main, ["up"], env={"SEALDESK_PORT": "none"})
    assert answer.exit_code == 1
    assert answer.stderr == "SEALDESK_PORT must be a whole number from 1 to 65535.\n"
