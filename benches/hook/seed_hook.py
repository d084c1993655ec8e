"""The hooks that agentpulse takes the place of: a new interpreter, redis-py and a connection to
Redis for every event. Only what they have to do is here: they keep no promise about order,
repetition or a Redis that is away.

Reads one payload on standard input; REDIS_PORT names the server.
"""

import json
import os
import sys
import uuid
from datetime import datetime

import redis

ACTIVE_TTL_S = 300
HOURLY_TTL_S = 7 * 24 * 3600
HISTORY_KEPT = 100


def connect():
    return redis.Redis(
        host="localhost", port=int(os.environ["REDIS_PORT"]), decode_responses=True
    )


def on_start(payload):
    r = connect()
    agent_id = payload.get("agent_id") or uuid.uuid4().hex
    now = datetime.now()
    start = {
        "agent_id": agent_id,
        "agent_name": payload.get("agent_type", "unknown"),
        "start_time": now.isoformat(),
        "task_description": payload.get("task", ""),
        "tools_granted": payload.get("tools", []),
        "context_size": len(json.dumps(payload)),
    }
    r.setex(f"agent:active:{agent_id}", ACTIVE_TTL_S, json.dumps(start))
    r.sadd("agents:active", agent_id)
    r.zadd("agents:timeline", {agent_id: now.timestamp()})


def metadata_of(payload):
    """What the stop of a real run carries: one of each kind of number that is counted."""
    return {
        "agent_id": payload["agent_id"],
        "agent_name": payload["agent_type"],
        "agent_type": "analyzer",
        "execution_end": datetime.now().isoformat(),
        "duration_ms": 1234,
        "status": "success",
        "tools_used": ["Read", "Write", "Bash"],
        "tool_calls": {"Read": 5, "Write": 2, "Bash": 3},
        "token_usage": {
            "input_tokens": 1500,
            "output_tokens": 2300,
            "total_tokens": 3800,
            "estimated_cost": 0.0076,
        },
    }


def on_stop(payload):
    run = metadata_of(payload)
    r = connect()
    r.srem("agents:active", run["agent_id"])
    r.delete(f"agent:active:{run['agent_id']}")

    now = datetime.now()
    hourly = f"metrics:hourly:{now.strftime('%Y-%m-%d-%H')}:{run['agent_type']}"
    pipe = r.pipeline()
    pipe.hincrby(hourly, "execution_count", 1)
    pipe.hincrby(hourly, f"{run['status']}_count", 1)
    pipe.hincrby(hourly, "total_duration_ms", run["duration_ms"])
    pipe.hincrby(hourly, "total_tokens", run["token_usage"]["total_tokens"])
    pipe.hincrbyfloat(hourly, "total_cost", run["token_usage"]["estimated_cost"])
    pipe.expire(hourly, HOURLY_TTL_S)
    pipe.execute()

    for tool, calls in run["tool_calls"].items():
        r.zincrby(f"tools:usage:{now.strftime('%Y-%m-%d')}", calls, tool)

    history = f"agent:history:{run['agent_name']}"
    r.lpush(history, json.dumps(run))
    r.ltrim(history, 0, HISTORY_KEPT - 1)
    durations = f"agent:performance:{run['agent_name']}:duration"
    r.zadd(durations, {run["agent_id"]: run["duration_ms"]})


def main():
    payload = json.load(sys.stdin)
    if payload["hook_event_name"] == "SubagentStart":
        on_start(payload)
    else:
        on_stop(payload)


main()
