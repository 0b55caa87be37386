"""Tests that the server makes script payloads harmless: as Markdown with stored HTML, as names, and as form answers of
a web chat."""

import asyncio
import os
import sys
import uuid
from urllib.parse import urlsplit

import aiohttp
import html5lib
from brs_kb import get_all_payloads

URL = os.environ["RAPPORT_URL"]
TAGS = {"a", "blockquote", "br", "code", "del", "em", "li", "ol", "p", "pre", "strong", "ul"}
ATTRIBUTES = {"a": {"href", "rel"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
LONGEST = 4_000
TOGETHER = 10

SIGN_UP = "mutation($input: SignUpInput!) { signUp(input: $input) { accessToken user { id } userErrors { code } } }"
CONNECT = "mutation($id: ID!) { requestConnection(input: { userId: $id }) { outcome } }"
START = "mutation($id: ID!) { startDirectConversation(input: { userId: $id }) { conversation { id } } }"
RENAME = "mutation($name: String!) { updateProfile(input: { displayName: $name }) { user { displayName } userErrors { code } } }"
DOORS = "{ entryPoints(channel: WEBCHAT) { id fields { name kind } } }"
CHAT = """mutation($input: StartWebChatInput!) { startWebChat(input: $input) {
  conversation { id customer { displayName } items(first: 5) { nodes { ... on Announcement { text } } } } userErrors { code } } }"""
READ = """query($id: ID!, $after: String) { conversation(id: $id) { items(first: 50, after: $after) {
  nodes { ... on Message { body html } } pageInfo { endCursor hasNextPage } } } }"""


def payloads():
    """Returns every payload once, with an allowed length and without forbidden characters."""
    texts = {str(each["payload"]) for each in get_all_payloads().values()}
    fine = lambda text: text.strip() and all(char >= " " or char in "\n\t" for char in text) and "\x7f" not in text
    return sorted(text for text in texts if len(text) <= LONGEST and fine(text))


def wrapped(text):
    """The positions of a text in Markdown."""
    line = text.replace("\n", " ")
    return f"[a]({line})\n\n[b](<{line}>)\n\n<{line}>\n\n![c]({line})\n\n[d]\n\n*{line}*\n\n> {line}\n\n`{line}`\n\n[d]: {line}\n"


def wrong(html):
    """Returns the forbidden parts of an HTML text, read like a browser."""
    found = []
    tree = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    for element in tree.iter():
        if element is tree:
            continue
        if not isinstance(element.tag, str) or element.tag not in TAGS:
            found.append(f"tag {element.tag}")
            continue
        for name, value in element.attrib.items():
            if name not in ATTRIBUTES.get(element.tag, set()):
                found.append(f"attribute {element.tag} {name}")
            elif name == "href" and urlsplit(value.strip()).scheme.lower() not in SCHEMES:
                found.append(f"address {value!r}")
    return found


class Client:
    def __init__(self, session, token=None):
        self.session = session
        self.headers = {"authorization": f"Bearer {token}"} if token else {}

    async def ask(self, query, variables=None):
        body = {"query": query, "variables": variables or {}}
        while True:
            async with self.session.post(URL, json=body, headers=self.headers) as response:
                kind = response.headers["content-type"]
                assert kind.startswith(("application/json", "application/graphql-response+json")), kind
                answer = await response.json()
            if response.status != 429:
                break
            # The suite sends more requests per minute than people do.
            await asyncio.sleep(answer["errors"][0]["extensions"]["retryAfter"])
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


async def sign_up(session, name):
    handle = f"interop-{uuid.uuid4().hex[:16]}"
    answer = await Client(session).ask(SIGN_UP, {"input": {"handle": handle, "displayName": name, "password": "interoperable"}})
    account = answer["signUp"]
    assert account["userErrors"] == [], account
    return Client(session, account["accessToken"]), account["user"]["id"]


async def send(client, conversation, texts, start):
    parts, variables, names = [], {"c": conversation}, []
    for number, text in enumerate(texts):
        variables[f"t{number}"], variables[f"m{number}"] = text, f"{start + number}"
        names.append(f"$t{number}: String!, $m{number}: String!")
        parts.append(
            f"a{number}: sendMessage(input: {{ conversationId: $c, clientMessageId: $m{number}, body: $t{number}, "
            f"format: MARKDOWN }}) {{ message {{ id }} userErrors {{ code }} }}"
        )
    answer = await client.ask(f"mutation($c: ID!, {', '.join(names)}) {{ {' '.join(parts)} }}", variables)
    return sum(each["message"] is not None for each in answer.values())


async def markdown(session):
    ann, ann_id = await sign_up(session, "Ann")
    ben, ben_id = await sign_up(session, "Ben")
    await ann.ask(CONNECT, {"id": ben_id})
    await ben.ask(CONNECT, {"id": ann_id})
    conversation = (await ann.ask(START, {"id": ben_id}))["startDirectConversation"]["conversation"]["id"]
    texts = payloads()
    texts += [text for text in map(wrapped, texts) if len(text) <= LONGEST]
    taken = 0
    for start in range(0, len(texts), TOGETHER):
        taken += await send(ann, conversation, texts[start : start + TOGETHER], start)
    bad, read, after = [], 0, None
    while True:
        page = (await ben.ask(READ, {"id": conversation, "after": after}))["conversation"]["items"]
        for message in page["nodes"]:
            read += 1
            bad += [(what, message["body"]) for what in wrong(message["html"])]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert read == taken, (read, taken)
    assert taken > 200, taken
    assert not bad, bad[:5]
    return f"{taken} of {len(texts)} texts with script payloads become harmless HTML"


async def names(session):
    """Checks that names are not HTML: they come back unchanged or are refused, and only as JSON."""
    ann, _ = await sign_up(session, "Ann")
    shown = 0
    for text in [text for text in payloads() if len(text) <= 200 and "\n" not in text][:300]:
        answer = (await ann.ask(RENAME, {"name": text}))["updateProfile"]
        if answer["userErrors"]:
            continue
        shown += 1
        assert " ".join(answer["user"]["displayName"].split()) == " ".join(text.split()), text
    assert shown > 200, shown
    return f"{shown} names come back as they are, in JSON"


async def forms(session):
    async with session.post(
        URL,
        json={"query": 'mutation { signIn(input: { handle: "ann", password: "rapport" }) { accessToken } }'},
    ) as response:
        agent = Client(session, (await response.json())["data"]["signIn"]["accessToken"])
    door = (await agent.ask(DOORS))["entryPoints"][0]
    field = next(field["name"] for field in door["fields"] if field["kind"] in ("NAME", "TEXT"))
    shown = 0
    for text in [text for text in payloads() if len(text) <= 200 and "\n" not in text][:50]:
        values = {"entryPointId": door["id"], "fields": [{"name": field, "value": text}]}
        answer = (await Client(session).ask(CHAT, {"input": values}))["startWebChat"]
        shown += not answer["userErrors"]
    assert shown > 0, shown
    page = URL.removesuffix("/graphql") + f"/webchat/{door['id']}"
    async with session.get(page) as response:
        text = await response.text()
        assert "alert(" not in text, "the page of the web chat shows what visitors wrote"
    return f"{shown} answers to a form are taken as text"


async def main():
    failed = False
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
        for each in (markdown, names, forms):
            try:
                print(f"ok   xss: {await each(session)}")
            except Exception as error:  # noqa: BLE001, each check has its own line
                failed = True
                print(f"FAIL xss: {each.__name__}: {type(error).__name__}: {error}")
    return failed


sys.exit(asyncio.run(main()))
