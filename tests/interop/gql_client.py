"""Tests that Python's gql works with the server: HTTP and WebSocket, schema, errors, and cut connections."""

import asyncio
import os
import random
import sys
import traceback
import uuid
from urllib.parse import urlsplit

from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

URL = os.environ["RAPPORT_URL"]

SIGN_UP = """
  mutation($input: SignUpInput!) { signUp(input: $input) { accessToken user { id } userErrors { code } } }
"""
REQUEST = """
  mutation($id: ID!) { requestConnection(input: { userId: $id }) { outcome request { id } } }
"""
WITHDRAW = """
  mutation($id: ID!) { withdrawConnectionRequest(input: { requestId: $id }) { outcome } }
"""
STREAM_CURSOR = "{ connectionRequests { streamCursor } }"
INCOMING = """
  subscription($after: Cursor) {
    incomingRequests(after: $after) {
      __typename
      ... on SubscriptionStarted { cursor }
      ... on ConnectionRequestReceived { cursor sequence }
      ... on ConnectionRequestChanged { cursor sequence }
      ... on ResyncRequired { reason }
    }
  }
"""


def http(token=None, **options):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(transport=AIOHTTPTransport(url=URL, headers=headers), **options)


async def call(document, variables=None, token=None):
    return await http(token).execute_async(GraphQLRequest(document, variable_values=variables))


async def sign_up(name):
    """Creates a new user. Nobody else writes to their stream, so its sequence numbers begin with 1."""
    handle = f"interop-{uuid.uuid4().hex[:16]}"
    answer = await call(SIGN_UP, {"input": {"handle": handle, "displayName": name, "password": "interoperable"}})
    account = answer["signUp"]
    assert account["userErrors"] == []
    return account["accessToken"], account["user"]["id"]


def happenings(requester, recipient):
    """Sends and withdraws requests in turns. Each call adds one event to the recipient's stream."""
    token, pending = requester[0], None

    async def happen():
        nonlocal pending
        if pending:
            answer = (await call(WITHDRAW, {"id": pending}, token))["withdrawConnectionRequest"]
            pending = None
        else:
            answer = (await call(REQUEST, {"id": recipient[1]}, token))["requestConnection"]
            pending = answer["request"]["id"]
        assert answer["outcome"] == "APPLIED"

    return happen


class Line:
    """A TCP line to the server that can be cut in the middle of the server's data, until it is mended."""

    def __init__(self):
        self.up, self.cutting, self.opened, self.writers = True, False, 0, set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()
        self.url = f"ws://{host}:{port}{urlsplit(URL).path}"
        return self

    async def __aexit__(self, *_):
        self.drop()
        self.server.close()

    def drop(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def carry(self, near_reader, near):
        if not self.up:
            return near.transport.abort()
        self.opened += 1
        server = urlsplit(URL)
        far_reader, far = await asyncio.open_connection(server.hostname, server.port)
        self.writers |= {near, far}
        await asyncio.gather(self.pump(near_reader, far, False), self.pump(far_reader, near, True))

    async def pump(self, reader, writer, from_server):
        try:
            while chunk := await reader.read(65536):
                if from_server and self.cutting:
                    self.up = self.cutting = False
                    writer.write(chunk[: random.randrange(len(chunk))])
                    await writer.drain()
                    self.drop()
                    return
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


def socket(line, token):
    transport = WebsocketsTransport(
        url=line.url,
        init_payload={"Authorization": f"Bearer {token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    return Client(transport=transport)


async def follow(line, token, after):
    """The code of an app that misses nothing: it subscribes again after its last event and drops repeated events by
    number."""
    last = 0
    while True:
        try:
            async with socket(line, token) as session:
                async for data in session.subscribe(GraphQLRequest(INCOMING, variable_values={"after": after})):
                    event = data["incomingRequests"]
                    assert event["__typename"] != "ResyncRequired", event
                    if event.get("sequence", 0) > last:
                        last, after = event["sequence"], event["cursor"]
                        yield event
        except (TransportError, OSError, EOFError) as error:
            # An error in an answer would repeat after every new subscription, unlike a broken connection.
            if isinstance(error, TransportQueryError):
                raise
        await asyncio.sleep(random.uniform(0.005, 0.05))


async def until(reached, what):
    for _ in range(3_000):
        if reached():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError(what())


async def query_and_mutation():
    one, other = await asyncio.gather(sign_up("Gql One"), sign_up("Gql Other"))
    # The client reads the schema first and validates its operations against it.
    async with http(one[0], fetch_schema_from_transport=True) as session:
        answer = await session.execute(GraphQLRequest("{ viewer { user { id } scopes } }"))
        assert answer["viewer"]["user"]["id"] == one[1]
        answer = await session.execute(GraphQLRequest(REQUEST, variable_values={"id": other[1]}))
        assert answer["requestConnection"]["outcome"] == "APPLIED"


async def errors():
    for token in None, "nonsense":
        try:
            await call("{ viewer { scopes } }", token=token)
        except TransportQueryError as error:
            assert error.errors[0]["extensions"]["code"] == "UNAUTHENTICATED", error.errors
        else:
            raise AssertionError("no error")


async def cut_and_resume():
    recipient, requester = await asyncio.gather(sign_up("Gql Recipient"), sign_up("Gql Requester"))
    happen, made, received = happenings(requester, recipient), 0, []

    async def some(least, most):
        nonlocal made
        for _ in range(random.randint(least, most)):
            await happen()
            made += 1

    async with Line() as line:
        after = (await call(STREAM_CURSOR, token=recipient[0]))["connectionRequests"]["streamCursor"]

        async def receive():
            async for event in follow(line, recipient[0], after):
                received.append(event["sequence"])

        following = asyncio.create_task(receive())
        # A failed follower raises its error here. Otherwise only missing events would show it.
        caught_up = lambda: following.done() or len(received) == made
        silence = lambda: f"{made} events made, received {received}, {following}"
        try:
            for _ in range(5):
                await some(1, 4)
                # Only a running stream can be cut.
                await until(caught_up, silence)
                line.cutting = True
                await some(1, 1)
                await until(lambda: not line.up, lambda: "the line was not cut")
                await some(0, 4)
                line.up = True
                # There is no pause here, so replayed events meet live ones.
                await some(0, 4)
            await until(caught_up, silence)
            await some(1, 1)
            await until(caught_up, silence)
            if following.done():
                following.result()
        finally:
            following.cancel()
            await asyncio.wait([following])
        assert received == list(range(1, made + 1)), received
        assert line.opened > 5, line.opened


async def main():
    failed = False
    for what, run in {
        "query and mutation, held against the schema by introspection": query_and_mutation,
        "errors have codes": errors,
        "five cuts, subscribing again after the last event: each event exactly once": cut_and_resume,
    }.items():
        try:
            await asyncio.wait_for(run(), 60)
            print(f"ok   gql: {what}", flush=True)
        except Exception:  # Whatever it is, the check failed.
            failed = True
            print(f"FAIL gql: {what}: {traceback.format_exc()}", flush=True)
    sys.exit(failed)


asyncio.run(main())
