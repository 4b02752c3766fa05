"""The options that many commands share, spelled once."""

from typing import Annotated

import typer

from watchword.cli.output import OutputFormat

Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print: for people or for programs.")]

NatsUrl = Annotated[
    str | None,
    typer.Option(
        "--nats-url",
        metavar="URL",
        help="NATS servers, separated by commas (env WATCHWORD_NATS_URL; nats://127.0.0.1:4222 when silent). User, "
        "password, token and certificates come from WATCHWORD_NATS_…, never from here.",
    ),
]

Author = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Who wants it; your login name when silent.")
]
