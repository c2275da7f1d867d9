"""The API as integrators reach it from Python: `gql` as its documentation shows it, nothing special.

usage: python clients.py http://127.0.0.1:8080 TOKEN
"""

import asyncio
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

CREATE = gql("mutation ($input: CreateChannelInput!) { createChannel(input: $input) { channel { id name } } }")


async def main(url: str, token: str) -> None:
    authorization = {"Authorization": f"Bearer {token}"}
    http = AIOHTTPTransport(url=f"{url}/graphql", headers=authorization)
    # The schema is fetched, and every document checked against it before it is sent.
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        query = CREATE
        query.variable_values = {"input": {"name": "By gql"}}
        made = await session.execute(query)
        assert made["createChannel"]["channel"]["name"] == "By gql", made
        print("ok gql makes a channel")
        query.variable_values = {"input": {"name": ""}}
        try:
            await session.execute(query)
        except TransportQueryError as error:
            assert error.errors[0]["extensions"]["fields"][0]["path"] == "name", error.errors
            print("ok gql sees the field that is wrong")
        else:
            raise AssertionError("a channel without a name was made")

        socket = WebsocketsTransport(
            url=f"{url.replace('http', 'ws', 1)}/graphql/ws",
            init_payload={"authorization": f"Bearer {token}"},
        )
        async with Client(transport=socket) as listening:

            async def make_until_cancelled() -> None:
                while True:
                    query.variable_values = {"input": {"name": "Seen by gql"}}
                    await session.execute(query)
                    await asyncio.sleep(0.2)

            making = asyncio.create_task(make_until_cancelled())
            async for event in listening.subscribe(gql("subscription { events { type data } }")):
                assert event["events"]["type"] == "channel.created", event
                break
            making.cancel()
        print("ok gql gets an event")


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2]), 60))
