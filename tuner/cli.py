"""The command `tuner`: its commands are in `tuner/commands`."""

from __future__ import annotations

import click

from tuner.commands import beginning, ensembles, keeping, looking, running

COMMANDS = (
    running.demo,
    beginning.init,
    running.run,
    running.stop,
    keeping.retry,
    keeping.repair,
    looking.status,
    looking.leaderboard,
    looking.diff,
    looking.show,
    looking.curves,
    looking.ui,
    looking.report,
    ensembles.ensemble,
    ensembles.predict,
    ensembles.evaluate,
    ensembles.publish,
    keeping.list_studies,
    keeping.export,
    keeping.rm,
    beginning.doctor,
    running.schema,
)


class _InThisOrder(click.Group):
    """A group that lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=999)) for name, one in self.commands.items()])


@click.group(cls=_InThisOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tuned-ensembles")
def main() -> None:
    """Tune networks and gradient-boosted trees, and end in an ensemble."""


for _command in COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
