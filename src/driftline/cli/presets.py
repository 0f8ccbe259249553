"""``driftline presets``: the layouts of known producers, and the settings that each stands for."""

from __future__ import annotations

from typing import Annotated

import typer

from driftline.cli.app import app as root
from driftline.cli.common import out
from driftline.errors import ConfigurationError

app = typer.Typer(
    help="List the presets for known producers, and show the settings that one stands for.",
    invoke_without_command=True,
)
root.add_typer(app, name="presets")


@app.callback()
def list_presets(context: typer.Context) -> None:
    """List the presets for known producers: `predictions: {preset: NAME}` and `labels: {preset: NAME}` use one."""
    if context.invoked_subcommand is not None:
        return
    from driftline.config.preset_files import preset_names, preset_title, presets_of

    names = preset_names()
    width = max(map(len, names))
    with_labels = presets_of("labels")
    for name in names:
        for_labels = " (labels too)" if name in with_labels else ""
        out.print(f"{name:<{width}}  {preset_title(name)}{for_labels}", markup=False, soft_wrap=True)
    out.print("`driftline presets show NAME` prints the settings.", markup=False, style="dim")


@app.command("show")
def show_preset(name: Annotated[str, typer.Argument(help="Name of the preset.")]) -> None:
    """Print the settings that a preset stands for, and where the layout is documented."""
    from driftline.config.preset_files import preset_names, preset_text, unknown_preset

    names = preset_names()
    if name not in names:
        raise ConfigurationError((unknown_preset(name, names, "NAME"),), "driftline presets show")
    typer.echo(preset_text(name), nl=False)
