"""The commands for sweeps that were submitted: ``status``, ``stop``, ``logs``; and what following one says."""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from search.command_line.data_commands import refusing
from search.command_line.plain import plain

if TYPE_CHECKING:
    from cluster.head import Head
    from cluster.jobs import Job

INTERRUPTED = 130


def followed(head: Head, id: str, *, skip: int = 0) -> int:
    """Show a job's words until it has ended, and what came of it; the sweep's exit code."""
    from cluster.follow import follow
    from cluster.head import HeadError

    name = id
    try:
        name = head.job(id).name or id
        job = follow(head, id, _write, skip=skip)
    except KeyboardInterrupt:
        _say(
            f"\n{name} goes on on the cluster. See it: teasel logs {name} --follow --address {head.url}\n"
            f"Stop it: teasel stop {name} --address {head.url}"
        )
        return INTERRUPTED
    except HeadError as error:
        back = f"when the head is back: teasel status {name} --address {head.url}"
        typer.secho(plain(f"{error}\n{name} may go on; {back}"), err=True, fg="red")
        return 1
    typer.secho(plain(f"\n{outcome(job, head.url)}"), err=True, fg=None if job.code == 0 else "red")
    return job.code


def outcome(job: Job, url: str) -> str:
    """What came of a job that has ended, and what to do."""
    why = f"`teasel logs {job.name} --address {url}` says why"
    go_on = f"`teasel resume {job.name} --address {url}` goes on with it"
    if job.code == 0:
        return f"{job.name} is done; its results are in {job.about.get('storage', 'its storage')}."
    if job.code == INTERRUPTED:
        return f"{job.name} was interrupted; {go_on}."
    if job.refused and job.exit_code == 2:
        return f"{job.name} was refused on the cluster before any work; {why}."
    if job.refused:
        return f"{job.name} could not be started: {_unstarted(job)}"
    if job.code == 3:
        return f"{job.name} has ended, and no trial completed; {why}."
    how = f"with exit code {job.exit_code}" if job.exit_code else f"with {job.error or 'no word'}"
    if job.exit_code is not None and job.exit_code < 0:
        how = f"by signal {-job.exit_code} (9: out of memory, or by hand)"
    return f"{job.name} died {how}. What is recorded is whole; {go_on}."


def since(job: Job) -> str:
    """When a job began, in words."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(job.began))


def state(job: Job) -> str:
    """A job's state in one or two words."""
    if job.live:
        return "starting" if job.status == "PENDING" else "running"
    return {0: "done", 2: "refused", 3: "none completed", INTERRUPTED: "interrupted"}.get(job.code, "failed")


def find(head: Head, name: str) -> tuple[Job, list[Job]]:
    """The job that stands for a sweep's name or a job's id, and all of its sweep.  Raises ``ValueError``."""
    jobs = head.jobs()
    own = [job for job in jobs if job.name == name] or [job for job in jobs if job.id == name]
    if not own:
        known = sorted({job.name for job in jobs})
        raise ValueError(
            f"{head.url} has no sweep {name!r}; "
            + (f"it has {', '.join(known)}." if known else "none was submitted to it since it was started.")
            + " A head that was started anew has forgotten its jobs, not their records: "
            f"`teasel resume {name} --storage URI --address {head.url}` goes on with one."
        )
    live = [job for job in own if job.live]
    if len(live) > 1:
        raise ValueError(f"{name} is several sweeps; name the job: {', '.join(job.id for job in live)}.")
    return (live or [job for job in own if not job.refused] or own)[-1], own


def status(name: str | None, address: str | None, storage: str | None, *, as_json: bool) -> None:
    """``teasel status``."""
    if storage is not None:
        _recorded(name, storage, as_json=as_json)
        return
    head, url = _head(address)
    with refusing():
        if name is None:
            _table(head.jobs(), url, as_json=as_json)
            return
        job, own = find(head, name)
    found, why = _progress(head, job)
    if as_json:
        json.dump({**_record(job), "progress": found}, sys.stdout, indent=1)
        typer.echo()
        return
    from search.results import duration

    took = duration((job.ended or time.time()) - job.began)
    resumed = sum(" resume " in each.command and not each.refused for each in own)
    _say(f"{job.name}: {state(job)}" + (f", resumed {resumed}×" if resumed else ""))
    _say(f"Began:    {since(job)}, {'took' if job.ended else 'running for'} {took}")
    for line in _told(found) if found else [f"Trials:   not known ({why})"]:
        _say(line)
    _say(f"Storage:  {job.about.get('storage', 'not known')}")
    _say(f"Job:      {job.id}")
    if not job.live:
        _say(outcome(job, url))


def stop(name: str, address: str | None) -> None:
    """``teasel stop``."""
    head, url = _head(address)
    from cluster.follow import follow

    with refusing():
        job, _ = find(head, name)
        if not job.live:
            _say(f"{job.name} is not running. {outcome(job, url)}")
            return
        said = len(head.logs(job.id)) if job.status == "RUNNING" else 0
        head.stop(job.id)
        _say(f"{job.name} is told to stop; it keeps what its trials have reported.")
        try:
            job = follow(head, job.id, _write, skip=said)
        except KeyboardInterrupt:
            _say(f"\n{job.name} goes on to its goodbye without this terminal.")
            raise typer.Exit(INTERRUPTED) from None
    _say(f"\n{outcome(job, url)}")


def logs(name: str, address: str | None, *, follow: bool) -> None:
    """``teasel logs``."""
    head, _ = _head(address)
    from cluster.follow import own_words

    with refusing():
        job, _ = find(head, name)
        if not follow:
            _write(own_words(head.logs(job.id)))
            return
    raise typer.Exit(followed(head, job.id))


def _head(address: str | None) -> tuple[Head, str]:
    """The head at an address.  Before anything else that knows Ray, which reads its token's mode when imported."""
    from cluster.address import head_url
    from search.command_line.submit_commands import reach

    with refusing():
        url = head_url(address)
    return reach(url), url


def _say(text: str) -> None:
    typer.echo(plain(text))


def _write(text: str) -> None:
    sys.stdout.write(plain(text))
    sys.stdout.flush()


def _recorded(name: str | None, storage: str, *, as_json: bool) -> None:
    """Progress as the sweep's ledger tells it, wherever that can be read."""
    from search.folder import existing
    from search.progress import progress

    with refusing():
        if name is None:
            raise ValueError("Name the sweep: teasel status NAME --storage URI.")
        found = progress(existing(storage, name).history()).record()
    if as_json:
        typer.echo(json.dumps(found))
        return
    _say(f"{name}: {found['closed'] or 'not closed: it runs, or its driver died'}")
    for line in _told(found):
        _say(line)


def _progress(head: Head, job: Job) -> tuple[dict[str, Any] | None, str]:
    """What the sweep's record says, read on the head: the cluster can see the storage, a laptop may not."""
    from cluster.head import HeadError

    if job.status == "PENDING" or job.package is None or "storage" not in job.about:
        return None, "it has not begun"
    words = ["-m", "search", "status", job.name, "--storage", job.about["storage"], "--json"]
    python = shlex.split(job.about.get("python", "python"))
    try:
        said = head.answer(f"exec {shlex.join([*python, *words])}", job.package)
    except HeadError as error:
        return None, str(error)
    for line in reversed(said.splitlines()):
        with suppress(ValueError):
            if isinstance(found := json.loads(line), dict):
                return found, ""
    return None, "the head gave no answer"


def _told(found: dict[str, Any]) -> list[str]:
    from search.results import duration

    lines = [
        f"Trials:   {found['ended']} of {found['trials']} ended, {found['complete']} of them complete; "
        f"{found['running']} begun; {duration(found['spent'])} spent"
    ]
    if best := found["best"]:
        values = ", ".join(f"{k} {'–' if v is None else f'{v:.4g}'}" for k, v in best["objectives"].items())
        lines.append(f"Best:     trial {best['trial']:03d} with {values}: {best['method']}")
    return lines


def _record(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "state": state(job),
        "job": job.id,
        "began": job.began,
        "ended": job.ended,
        "exit_code": None if job.live else job.code,
        "storage": job.about.get("storage"),
    }


def _table(jobs: list[Job], url: str, *, as_json: bool) -> None:
    from search.results import duration

    if as_json:
        json.dump([_record(job) for job in jobs], sys.stdout, indent=1)
        typer.echo()
        return
    if not jobs:
        _say(f"No sweep was submitted to {url} since its head was started.")
        return
    from rich.table import Table

    from search.command_line.terminal import console_of

    table = Table(box=None, pad_edge=False)
    for column in ("sweep", "state", "began", "took", "job"):
        table.add_column(column, no_wrap=True)
    for job in jobs:
        table.add_row(job.name, state(job), since(job), duration((job.ended or time.time()) - job.began), job.id)
    console_of().print(table)


def _unstarted(job: Job) -> str:
    """Why a job's command did not come to its work, and what helps."""
    python = "the one that has what Teasel depends on is named by --python."
    if job.lacking:
        return f"the nodes' Python has no module {job.lacking}; {python}"
    if job.exit_code is not None:
        return f"the head has no such Python; {python}"
    return next((line for line in job.message.splitlines() if line.strip()), "Ray does not say why.")[:300]
