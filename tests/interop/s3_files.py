"""Tests that the server keeps files in a bucket of a program that speaks the protocol of S3 (moto): short and long
files, ranges, a server that is killed, and deleted messages."""

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

import boto3

BINARY = os.environ["RAPPORT_BINARY"]
BUCKET = "rapport"
LONG = 12 << 20


def check(what, holds):
    print(("ok   " if holds else "FAIL ") + "s3: " + what)
    if not holds:
        sys.exit(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, holds):
    for _ in range(300):
        try:
            if holds():
                return
        except Exception:  # noqa: BLE001 - it is not there yet
            pass
        time.sleep(0.1)
    raise AssertionError(f"waited in vain until {what}")


class Rapport:
    """A server of its own, whose files are in the bucket."""

    def __init__(self, work, endpoint):
        settings = {name: value for name, value in os.environ.items() if not name.startswith("RAPPORT_")}
        settings |= {
            "RAPPORT_DATABASE_URL": f"sqlite://{work}/s3.db",
            "RAPPORT_LISTEN": "127.0.0.1:0",
            "RAPPORT_LOG": "error",
            "RAPPORT_FILES": f"s3://{BUCKET}/chat",
            "RAPPORT_S3_ENDPOINT": endpoint,
            "RAPPORT_S3_ACCESS_KEY_ID": "id",
            "RAPPORT_S3_SECRET_ACCESS_KEY": "secret",
        }
        self.process = subprocess.Popen([BINARY], cwd=work, env=settings, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, token, query, variables=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        answer = json.load(urllib.request.urlopen(request, timeout=30))
        assert "errors" not in answer, answer
        return answer["data"]

    def fetch(self, path, method="GET", body=None, headers=None):
        request = urllib.request.Request(self.url + path, body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()


CREATE = """mutation($input: CreateAttachmentUploadInput!) {
  createAttachmentUpload(input: $input) { upload { url attachment { id } } userErrors { code } } }"""
SEND = """mutation($input: SendMessageInput!) {
  sendMessage(input: $input) { message { id attachments { url } } userErrors { code } } }"""
URL = "query($id: ID!) { node(id: $id) { ... on Attachment { url } } }"
DELETE = "mutation($input: DeleteMessageInput!) { deleteMessage(input: $input) { outcome } }"


def main():
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    work = tempfile.mkdtemp(prefix="rapport-s3-")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    moto = subprocess.Popen([os.path.join(sys.prefix, "bin", "moto_server"), "-H", "127.0.0.1", "-p", str(port)], **silent)
    server = None
    try:
        bucket = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        wait_until("moto answers", lambda: bucket.create_bucket(Bucket=BUCKET))
        server = Rapport(work, endpoint)

        def keys():
            return [one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

        ann = server.ask(None, 'mutation { signIn(input: {handle: "ann", password: "rapport"}) { accessToken } }')
        ann = ann["signIn"]["accessToken"]
        site = server.ask(ann, "{ entryPoints(channel: WEBCHAT) { id } }")["entryPoints"][0]["id"]
        begun = server.ask(
            None,
            "mutation($input: StartWebChatInput!) { startWebChat(input: $input) { visitorToken conversation { id } } }",
            {
                "input": {
                    "entryPointId": site,
                    "fields": [{"name": "name", "value": "Kim"}, {"name": "email", "value": "kim@example.org"}],
                    "message": {"clientMessageId": "1", "body": "Hello"},
                }
            },
        )["startWebChat"]
        token, conversation = begun["visitorToken"], begun["conversation"]["id"]

        def announce(name, data):
            about = {
                "conversationId": conversation,
                "clientUploadId": name,
                "name": name,
                "byteSize": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            return server.ask(token, CREATE, {"input": about})["createAttachmentUpload"]["upload"]

        letters = bytes(random.Random(1).choices(b"abcdefghij,\n", k=LONG))
        sent = {}
        for name, data in (("short.csv", letters[:50_000]), ("long.csv", letters)):
            upload = announce(name, data)
            status, _ = server.fetch(upload["url"], "PUT", data)
            assert status == 200, status
            message = {"conversationId": conversation, "clientMessageId": name, "body": "", "attachmentIds": [upload["attachment"]["id"]]}
            sent[name] = server.ask(token, SEND, {"input": message})["sendMessage"]["message"]
            status, back = server.fetch(sent[name]["attachments"][0]["url"])
            check(f"a file of {len(data)} bytes goes up and down", status == 200 and back == data)
        check("the files are below the prefix", len(keys()) == 2 and all(key.startswith("chat/attachments/") for key in keys()))
        path = sent["long.csv"]["attachments"][0]["url"]
        status, part = server.fetch(path, headers={"range": "bytes=7000000-7000099"})
        check("a range is read from the bucket", status == 206 and part == letters[7_000_000:7_000_100])

        # The server is killed while it receives a file, and once more after it acknowledged one.
        upload = announce("cut.csv", letters)
        target = urllib.request.Request(server.url + upload["url"], method="PUT").full_url
        host, rest = target.removeprefix("http://").split("/", 1)
        half = socket.create_connection((host.split(":")[0], int(host.split(":")[1])))
        half.sendall(f"PUT /{rest} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(letters)}\r\n\r\n".encode())
        half.sendall(letters[: LONG // 2])
        server.kill()
        half.close()
        server = Rapport(work, endpoint)
        check("half a file leaves nothing in the bucket", len(keys()) == 2)
        upload = announce("cut.csv", letters)
        status, _ = server.fetch(upload["url"], "PUT", letters)
        server.kill()
        server = Rapport(work, endpoint)
        address = server.ask(token, URL, {"id": upload["attachment"]["id"]})["node"]["url"]
        status, back = server.fetch(address)
        check("an acknowledged file survives the end of the server", status == 200 and back == letters)

        server.ask(token, DELETE, {"input": {"messageId": sent["short.csv"]["id"]}})
        status, _ = server.fetch(sent["short.csv"]["attachments"][0]["url"])
        check("the file of a deleted message is gone", status in (401, 404))
    except Exception:  # noqa: BLE001 - the reason is printed
        traceback.print_exc()
        sys.exit(1)
    finally:
        if server:
            server.kill()
        moto.kill()


if __name__ == "__main__":
    main()
