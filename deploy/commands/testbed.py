"""p2es testbed: a real Kafka and a real InfluxDB on this machine, for trying and for tests."""

import typer

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Real Kafka and InfluxDB on this machine (needs JDK and Maven, Go and Rust)."
)


@app.command("up")
def up() -> None:
    """Fetch and build what is not in the cache yet, start both, make topics, buckets and tokens.

    Leaves a p2es.toml with the addresses, for `p2es --settings`."""
    from deploy.testbed.testbed import bring_up

    typer.echo(f"ready: p2es --settings {bring_up(typer.echo)} ...")


@app.command("down")
def down() -> None:
    """Stop both. Their data stay for the next `up`."""
    from deploy.testbed.testbed import bring_down

    bring_down(typer.echo)


@app.command("status")
def status() -> None:
    """What runs, where, and what is missing to build the rest. Exit 1 when something does not run."""
    from deploy.testbed.testbed import report

    if not report(typer.echo):
        raise typer.Exit(1)
