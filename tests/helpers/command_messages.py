"""The messages of the subscription to one command."""

from __future__ import annotations

from typing import Any

from tests.helpers.served_api import Client


async def command_messages(client: Client) -> list[Any]:
    """Return the messages of the operation until it ends."""
    messages: list[Any] = []
    while (message := await client.receive())["type"] == "next":
        messages.append(message["payload"]["data"]["command"])
    assert message == {"type": "complete", "id": "1"}
    return messages
