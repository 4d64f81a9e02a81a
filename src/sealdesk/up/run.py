"""The course of `sealdesk up`."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sealdesk.core.faults import Fault
from sealdesk.core.postgres import Cluster
from sealdesk.core.settings import Environment, Settings
from sealdesk.up import checks
from sealdesk.up.database import DatabaseServer
from sealdesk.up.part import Child, Part
from sealdesk.up.show import Show
from sealdesk.up.stopping import Stop, Stopped
from sealdesk.up.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Step:
    """A `sealdesk` command that must have run before the parts start; it may run at every start and then changes nothing."""

    arguments: Sequence[str]
    doing: str
    done: str


Plan = Callable[[Cluster | None], Sequence[Step | Part]]


def up(settings: Settings, plan: Plan, *, show: Show | None = None, stop: Stop | None = None) -> None:
    """Run the desk until a signal ends it. Raises `Fault` when it can't start; whatever had started is taken down again.

    `plan` is asked for steps and parts in their order, once the database runs: a step is taken when the parts before it are ready.
    Children write to our standard error, but in a demonstration to files of the run folder, so that the sign-ins stay in sight.
    """
    show, stop = show or Show(), stop or Stop()
    checks.fit_for_production(settings)
    checks.data_can_be_kept(settings)
    with checks.alone(settings):
        checks.port_is_free(settings)
        stop.listen()
        supervisor = Supervisor(stop.pause, show.tell)
        try:
            cluster = _start_database(settings, show, stop, supervisor)
            _follow(plan(cluster), settings, show, stop, supervisor)
            _greet(settings, show)
            supervisor.watch()
        except Stopped:
            show.tell("Stopping ...")
        finally:
            supervisor.take_down()
        show.tell("Stopped; the data is kept.")


def _start_database(settings: Settings, show: Show, stop: Stop, supervisor: Supervisor) -> Cluster | None:
    if not settings.embedded:
        return None
    cluster = Cluster.of(settings, stop.pause)
    doing = "Setting up PostgreSQL" if cluster.is_new else "Starting PostgreSQL"
    with show.step(doing, f"PostgreSQL runs, with its data in {cluster.folder}"):
        supervisor.add(DatabaseServer(cluster))
        cluster.ensure_database()
    return cluster


def _follow(plan: Sequence[Step | Part], settings: Settings, show: Show, stop: Stop, supervisor: Supervisor) -> None:
    for are_parts, group in groupby(plan, lambda each: isinstance(each, Part)):
        if are_parts:
            children = [
                Child(each, settings.environ(), _log(settings, each.name)) for each in group if isinstance(each, Part)
            ]
            names = ", ".join(child.name for child in children)
            with show.step(f"Starting {names}", f"Running: {names}"):
                for child in children:
                    supervisor.add(child)
                supervisor.await_ready(children)
            continue
        for step in group:
            if isinstance(step, Step):
                with show.step(step.doing, step.done):
                    _take(step, settings, stop)


def _log(settings: Settings, name: str) -> Path | None:
    return settings.run / f"{name.replace(' ', '-')}.log" if settings.env is Environment.DEMO else None


def _greet(settings: Settings, show: Show) -> None:
    show.headline(f"Sealdesk is at {settings.origins[0]}")
    if settings.env is Environment.PRODUCTION:
        show.tell(f"What puts TLS in front finds it at {settings.address}.")
    if settings.env is Environment.DEMO:
        show.sign_ins(sign_ins(settings))
        if settings.demo_site.exists():
            show.tell(
                f"The widget is on an example site at {settings.demo_site_origin}/, and signed in at /account there."
            )
        if not settings.smtp_url:
            show.tell(f"Mail is not sent; what would be is in {settings.mail}.")
        show.tell(f"Logs are in {settings.run}. Ctrl-C ends it; the data stays.")


def sign_ins(settings: Settings) -> list[dict[str, str]]:
    """The demonstration's sign-ins, as the seed left them: a list of flat objects such as `{"role", "email", "password"}`."""
    if not settings.demo_file.exists():
        return []
    return [
        {str(name): str(value) for name, value in each.items()} for each in json.loads(settings.demo_file.read_text())
    ]


def _take(step: Step, settings: Settings, stop: Stop) -> None:
    """Run a step to its end; a signal ends it too. Raises `Fault` with the last line it wrote."""
    command = Part("set-up", lambda: (sys.executable, "-m", "sealdesk.cli", *step.arguments))
    log = settings.run / "set-up.log"
    child = Child(command, settings.environ(), log)
    child.start()
    assert child.process
    try:
        while child.process.poll() is None:
            stop.pause(0.5)
        if child.process.returncode:
            raise Fault(f"{child.last_words() or 'It gave no reason.'} (while: {step.doing.lower()})")
    finally:
        child.stop()
