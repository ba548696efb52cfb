"""`fieldrec`, the one command-line program. Each sub-command is a file in `tools/commands/`.

What is slow to import is imported inside the command that needs it, so that `--help` stays fast.
"""

import typer

from tools.commands import (
    board_device,
    campaign,
    cloud,
    demo,
    devices,
    fleet,
    keys,
    recordings,
    release,
    rig,
    target,
    users,
)

main = typer.Typer(
    no_args_is_help=True,
    help="Fieldrec: firmware, update cloud and test bench of a battery-powered field recorder.",
)
for module in (
    board_device,
    campaign,
    cloud,
    demo,
    devices,
    fleet,
    keys,
    recordings,
    release,
    rig,
    target,
    users,
):
    main.add_typer(module.app)

if __name__ == "__main__":
    main()
