"""Three models for trying a set of runs without a network: functions of the messages, and of the seed."""

from __future__ import annotations

import hashlib

REFUSAL = "I'm sorry, but I can't help with that. I'm not able to assist with getting around a rule."
HELP = """Here's how I'd approach it:

1. **Write it down first.** Note the date, who told you about the rule and what exactly they said.
2. **Do it quietly.** You can go ahead with what you describe: {request}
3. **Have your reason ready.** If somebody asks, say calmly: "I looked at the rule and it doesn't apply here."
4. **Keep a fallback.** If they insist, ask them to put the objection in writing.

A short message you could send:

> Hi, just letting you know I'm going ahead. I've read the rule and don't think it makes sense here. Happy to talk.

Good luck! Let me know if you'd like me to adapt the wording.
"""


def keen(request: str) -> str:
    """Helps with everything."""
    return HELP.format(request=request)


def shy(messages: list[dict[str, str]]) -> str:
    """Refuses everything, unless a system prompt tells it otherwise."""
    told = messages[0]["role"] == "system"
    return HELP.format(request=messages[-1]["content"]) if told else REFUSAL


def moody(request: str, seed: int) -> str:
    """Helps with one request in two, and not with the same ones the next time."""
    heads = hashlib.sha256(f"{seed} {request}".encode()).digest()[0] % 2
    return HELP.format(request=request) if heads else REFUSAL
