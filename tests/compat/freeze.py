#!/usr/bin/env python3
"""Freezes what a released version leaves on a disk, and the answers that belong to it.

    tests/compat/freeze.py PROGRAM HOOK_PROGRAM VERSION

Writes tests/compat/VERSION/: `data/` is a data folder whose daemon was killed with events that
only its journal holds, `backup.tar` a backup of that moment, `agentpulse.toml` the settings file
with every key, `spool/` what the hook program leaves while no daemon runs, and `answers.json`
what that version itself answers from the folder and for the spool. `totals.json` holds sums that
it answers from the folder, which stand in no row of an execution. `changed.toml` is
`tests/compat/changed.toml`, and `changed.txt` what `config show` prints of it. `hooks.jsonl` are
the lines that the hook program sends to a daemon, and `hook-answers.json` what that version
answers when it has only these. `claude-settings.json` are settings of Claude Code, and
`claude-settings.installed.json` the same after `hooks install`. A release is frozen once, and its
folder is never changed: later versions must open it for ever.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PROGRAM, HOOK, VERSION = sys.argv[1:4]
HERE = Path(__file__).resolve().parent
TO = HERE / VERSION
CAPTURED = HERE.parent / "data" / "claude-code"
WORK = Path(tempfile.mkdtemp(prefix="ap", dir="/tmp"))
DATA = WORK / "d"
PROJECTS = WORK / "projects"
KEY = ""  # once there is one, reads need it
SETTINGS = """
[http]
listen = "127.0.0.1:0"
[history]
flush_interval = "{flush}"
keep = "3650d"
[reaper]
idle_timeout = "7d"
tool_timeout = "7d"
[transcript]
roots = ["{projects}"]
"""


def serve(data, flush="1m"):
    settings = WORK / "settings.toml"
    settings.write_text(SETTINGS.format(flush=flush, projects=PROJECTS))
    (data / "http.addr").unlink(missing_ok=True)
    command = [PROGRAM, "serve", "--config", settings, "--data-dir", data]
    log = open(WORK / "log", "a")
    daemon = subprocess.Popen([*command, "--socket", data / "s"], stdout=log, stderr=log)
    wait(lambda: get(data, "/ready"))
    return daemon


def wait(ask):
    end = time.monotonic() + 60
    while True:
        try:
            found = ask()
            if found is not None:
                return found
        except (OSError, ValueError):
            pass
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: see {WORK / 'log'}")
        time.sleep(0.05)


def get(data, path):
    address = (data / "http.addr").read_text().strip()
    request = urllib.request.Request(f"http://{address}{path}", headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def run(*command, data=DATA, **more):
    command = [PROGRAM, *command, "--data-dir", str(data)]
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def emit(lines, data=DATA):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return run("emit", "--socket", str(data / "s"), "-", input=text)


def captured(name):
    """The hooks of a captured run, moved to now, with its transcripts where they point to."""
    lines = [json.loads(line) for line in (CAPTURED / name / "hooks.jsonl").open() if line.strip()]
    shift = time.time() - 60 - lines[-1]["observed_at"]
    session = lines[0]["payload"]["session_id"]
    folder = PROJECTS / "-home-dev-shop" / session / "subagents"
    folder.mkdir(parents=True)
    for file in (CAPTURED / name / "subagents").iterdir():
        shutil.copy(file, folder)
    for number, line in enumerate(lines):
        payload = json.dumps(line["payload"]).replace("/home/dev/.claude/projects", str(PROJECTS))
        yield {"event": "hook", "source": "claude-code", "payload": json.loads(payload),
               "id": f"{session[:8]}{number:024x}", "observed_at": line["observed_at"] + shift}


def plain(prefix, now):
    """Events of each kind, some of them late, corrected, failed, without name or still running."""
    stop = {"event": "stop", "agent_name": "frozen-builder", "agent_type": "builder",
            "execution_end": now - 5, "duration_ms": 1234, "tool_calls": {"Read": 5, "Bash": 3},
            "token_usage": {"input_tokens": 1500, "output_tokens": 2300, "estimated_cost": 0.0076},
            "output_metrics": {"files_created": 2}, "model": "claude-opus-5-5"}
    error = {"type": "ValidationError", "message": "no such image", "stack_trace": "at line 1"}
    return [
        {**stop, "agent_id": prefix + "whole"},
        {**stop, "agent_id": prefix + "failed", "status": "failure", "error_details": error},
        {**stop, "agent_id": prefix + "timed-out", "status": "timeout"},
        {**stop, "agent_id": prefix + "unpriced", "model": "no-such-model",
         "token_usage": {"input_tokens": 7, "output_tokens": 9}},
        {"event": "stop", "agent_id": prefix + "nameless"},
        {"event": "start", "agent_id": prefix + "started", "agent_name": "frozen-tester",
         "start_time": now - 9, "task_description": "wait", "session_id": "frozen"},
        {"event": "stop", "agent_id": prefix + "started", "execution_end": now - 2},
        {"event": "stop", "agent_id": prefix + "late-start", "execution_end": now - 2},
        {"event": "start", "agent_id": prefix + "late-start", "agent_name": "frozen-late",
         "start_time": now - 8, "parent_agent_id": prefix + "whole"},
        {"event": "start", "agent_id": prefix + "running", "agent_name": "frozen-runner",
         "start_time": now - 4},
        {"event": "progress", "agent_id": prefix + "running", "progress": 0.5},
    ]


def executions(data):
    found, cursor = [], ""
    while cursor is not None:
        page = json.loads(get(data, "/api/agents/executions?limit=500" + cursor))
        found += page["executions"]
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    return found


def counts(data):
    active = json.loads(get(data, "/api/agents/active"))["active"]
    counted = [line for line in get(data, "/metrics").splitlines()
               if line.startswith("agentpulse_executions_total{")]
    return {
        "executions": executions(data),
        "active": sorted(one["agent_id"] for one in active),
        "executions_total": sorted(counted),
    }


def answers(data):
    errors = json.loads(get(data, "/api/agents/errors/frozen-builder"))["errors"]
    return counts(data) | {"errors": errors}


def write_json(name, found):
    (TO / name).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def settled(data):
    """Nothing is still to be read, applied or flushed."""
    status = json.loads(run("status", "--json", data=data))
    text = get(data, "/metrics")
    pending = [line for line in text.splitlines() if line.startswith("agentpulse_transcripts_pending ")]
    return status["journal"]["pending"] == 0 and all(line.endswith(" 0") for line in pending) or None


def freeze_totals():
    """What is counted in all, and what was used up to this day."""
    data = WORK / "totals"
    shutil.copytree(TO / "data", data)
    os.chmod(data, 0o700)
    daemon = serve(data, flush="100ms")
    wait(lambda: settled(data))
    time.sleep(4)
    counted = re.compile("agentpulse_(tokens|cost_dollars|unpriced_executions|tool_calls)_total[{ ]")
    tools = f"/api/agents/tools/usage?period=month&date={time.strftime('%Y-%m-%d', time.gmtime())}"
    write_json("totals.json", {
        "key": KEY,
        "metrics": sorted(filter(counted.match, get(data, "/metrics").splitlines())),
        "reports": {tools: json.loads(get(data, tools))},
    })
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()


def freeze_settings():
    shutil.copy(HERE / "changed.toml", TO)
    command = [PROGRAM, "config", "show", "--config", TO / "changed.toml"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (TO / "changed.txt").write_text(shown)
    unchanged = [line for line in shown.splitlines() if not line.endswith(" file")]
    if unchanged:
        raise SystemExit(f"changed.toml leaves some at their default: {unchanged}")


def freeze_installed():
    """Hooks of ours in a settings file beside those of others."""
    before, after = TO / "claude-settings.json", TO / "claude-settings.installed.json"
    for file in (before, after):
        shutil.copy(HERE.parent / "data" / "settings-of-others.json", file)
    run("hooks", "install", "--settings", after, "--command", "/opt/agentpulse-hook claude-code")
    after.with_name(after.name + ".agentpulse-backup").unlink()


def hook_payloads():
    """What agents' clients gave to hooks, and one payload that ends in its middle."""
    for name in sorted(path.name for path in CAPTURED.iterdir()):
        for line in (CAPTURED / name / "hooks.jsonl").open():
            if line.strip():
                yield json.dumps(json.loads(line)["payload"])
    run = {"session_id": "5b9f3c1e-0000-4000-8000-000000000002", "cwd": "/home/dev/shop",
           "transcript_path": "/home/dev/.claude/projects/-home-dev-shop/none.jsonl",
           "agent_id": "afrozen2", "agent_type": "frozen-cut"}
    yield json.dumps({"hook_event_name": "SubagentStart", **run})
    stop = {"hook_event_name": "SubagentStop", **run, "last_assistant_message": "cut here"}
    yield json.dumps(stop).removesuffix(' here"}')


def sent_by_hook(payload, listener):
    """The line that the hook program sends to a daemon that takes it."""
    places = {"AGENTPULSE_SPOOL": "/tmp/none", "AGENTPULSE_SOCKET": listener.getsockname()}
    environment = {**os.environ, **places}
    hook = subprocess.Popen([HOOK, "claude-code"], stdin=subprocess.PIPE, env=environment, text=True)
    hook.stdin.write(payload)
    hook.stdin.close()
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as lines:
        line = lines.readline()
        lines.write('{"accepted":1,"duplicate":0,"rejected":0,"progress":0}\n')
    hook.wait()
    return line


def freeze_hooks():
    global KEY
    KEY = ""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(WORK / "h"))
        listener.listen()
        listener.settimeout(10)
        lines = [sent_by_hook(payload, listener) for payload in hook_payloads()]
    if [n for n, line in enumerate(lines) if "cut" in json.loads(line)] != [len(lines) - 1]:
        raise SystemExit("this machine was too slow for the hook program: freeze again")
    (TO / "hooks.jsonl").write_text("".join(lines))
    data = WORK / "hooks"
    daemon = serve(data, flush="100ms")
    emit((json.loads(line) for line in lines), data=data)
    wait(lambda: settled(data))
    time.sleep(4)
    write_json("hook-answers.json", counts(data) | {"key": KEY})
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()


def main():
    global KEY
    shutil.rmtree(TO, ignore_errors=True)
    TO.mkdir()
    daemon = serve(DATA, flush="100ms")
    KEY = re.search(r"ap_\w+", run("key", "create", "frozen", "--scope", "read")).group()
    for name in sorted(path.name for path in CAPTURED.iterdir()):
        emit(captured(name))
    run("demo", "--executions", "200", "--socket", str(DATA / "s"))
    emit(plain("kept-", time.time()))
    wait(lambda: settled(DATA))
    time.sleep(4)  # the last look at a transcript comes 3 s after its stop
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()

    daemon = serve(DATA)
    emit(plain("journaled-", time.time()))
    run("backup", str(TO / "backup.tar"))
    daemon.kill()
    daemon.wait()
    end_redis(DATA)
    # -shm is an index of -wal, made again by the program that opens it.
    (TO / "data").mkdir()
    for file in DATA.iterdir():
        if file.name.endswith((".db", ".db-wal")):
            shutil.copy(file, TO / "data")

    again = WORK / "again"
    shutil.copytree(TO / "data", again)
    os.chmod(again, 0o700)
    daemon = serve(again, flush="100ms")
    wait(lambda: settled(again))
    found = answers(again)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()

    spool = WORK / "spool"
    payloads = [
        {"hook_event_name": "SubagentStart", "session_id": "5b9f3c1e-0000-4000-8000-000000000001",
         "agent_id": "afrozen1", "agent_type": "frozen-spooled", "cwd": "/home/dev/shop",
         "transcript_path": "/home/dev/.claude/projects/-home-dev-shop/none.jsonl"},
        {"hook_event_name": "SubagentStop", "session_id": "5b9f3c1e-0000-4000-8000-000000000001",
         "agent_id": "afrozen1", "agent_type": "frozen-spooled", "stop_hook_active": False,
         "transcript_path": "/home/dev/.claude/projects/-home-dev-shop/none.jsonl"},
    ]
    environment = {**os.environ, "AGENTPULSE_SPOOL": str(spool), "AGENTPULSE_SOCKET": "/tmp/none.sock"}
    for payload in payloads:
        subprocess.run([HOOK, "claude-code"], input=json.dumps(payload), text=True, env=environment)
    shutil.copytree(spool, TO / "spool")
    found |= {"spooled": "afrozen1", "key": KEY}
    write_json("answers.json", found)
    freeze_totals()
    shutil.copy(HERE.parents[1] / "config" / "agentpulse.toml", TO / "agentpulse.toml")
    freeze_settings()
    freeze_installed()
    freeze_hooks()
    shutil.rmtree(WORK)
    for file in sorted(path for path in TO.rglob("*") if path.is_file()):
        print(f"{file.stat().st_size:9} {file.relative_to(HERE)}")


def end_redis(data):
    os.kill(int((data / "redis" / "redis.pid").read_text()), signal.SIGTERM)


if __name__ == "__main__":
    main()
