"""Imports cards of other programs. Every property must be kept or named in the server's message.

    exports.py <folder with a subfolder of cards for each package>

Each file is posted to `/contacts.vcf`. A separate reader, as simple as the RFCs allow, reads its properties. A property is
kept when all its words are in the contact or in the contact's exported card. It is named when its name is in the message.
Properties about the file (VERSION, PRODID, REV) and empty properties need neither. The sums must agree.
"""

import collections
import json
import os
import pathlib
import quopri
import re
import sys
import time
import unicodedata
import urllib.error
import urllib.request

URL = os.environ["RAPPORT_URL"]
SERVER = URL.removesuffix("/graphql")
ABOUT_THE_FILE = {"BEGIN", "END", "VERSION", "PRODID", "REV"}
FIELDS = """displayName title organization note name { given family additional prefix suffix } emails { address label }
  phones { number label extension } addresses { label street city region postalCode country } urls { address label }"""


def request(url, body, token=None, kind="application/json"):
    headers = {"content-type": kind}
    if token:
        headers["authorization"] = f"Bearer {token}"
    asked = urllib.request.Request(url, data=body, headers=headers)
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                return error.code, json.load(error)
            # The server limits the rate of imports and says when to continue.
            time.sleep(int(error.headers["retry-after"]))


def ask(query, variables, token=None):
    _, answer = request(URL, json.dumps({"query": query, "variables": variables}).encode(), token)
    assert "errors" not in answer, answer
    return answer["data"]


def sign_up():
    handle = f"exports{os.getpid()}"
    query = """mutation($h: String!) { signUp(input: { handle: $h, displayName: "Owner of exports", password: "a long enough phrase 42" })
      { accessToken userErrors { message } } }"""
    done = ask(query, {"h": handle})["signUp"]
    assert not done["userErrors"], done
    return done["accessToken"]


def words(text):
    """Returns the words of a text, without marks and case."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def decoded(octets, charset):
    for name in ["utf-8", charset or "latin-1", "cp1252", "latin-1"]:
        try:
            return octets.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    raise AssertionError("latin-1 reads everything")


def lines_of(octets):
    """Returns the lines of a file, without folds and soft line breaks."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        octets = octets.decode("utf-16").encode()
    lines = []
    for line in re.split(rb"\r\r\n|\r\n|\r|\n", octets.removeprefix(b"\xef\xbb\xbf")):
        head = lines[-1].split(b":")[0].upper() if lines else b""
        soft = b"QUOTED-PRINTABLE" in head and lines[-1].rstrip().endswith(b"=") and line.strip().upper() != b"END:VCARD"
        if soft:
            lines[-1] = lines[-1].rstrip()[:-1] + line
        elif lines and line[:1] in (b" ", b"\t"):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return lines


def cards_of(octets):
    """Returns the cards of a file, each a list of (name, parameters, value). A card inside another is its property
    AGENT."""
    cards, depth = [], 0
    for line in lines_of(octets):
        bare = line.strip().upper()
        if bare == b"BEGIN:VCARD":
            if depth and cards[-1] and cards[-1][-1][0] == "AGENT":
                depth += 1
                cards[-1][-1] = ("AGENT", "", "card")
            else:
                depth = 1
                cards.append([])
        elif bare == b"END:VCARD":
            depth = max(0, depth - 1)
        elif depth == 1 and (found := re.match(rb"(?:[\w-]+\.)*([\w-]+)((?:;(?:\"[^\"]*\"|[^\":])*)?):(.*)", line, re.S)):
            name, head, value = found.groups()
            head = head.decode("latin-1").upper()
            charset = re.search(r"CHARSET=\"?([\w-]+)", head)
            if "QUOTED-PRINTABLE" in head:
                value = quopri.decodestring(value)
            text = decoded(value, charset and charset[1])
            cards[-1].append((name.decode().upper(), head, text))
        elif depth == 1 and bare and cards[-1] and cards[-1][-1][0] in ("ADR", "LABEL", "NOTE"):
            last = cards[-1][-1]
            cards[-1][-1] = (last[0], last[1], last[2] + "\n" + decoded(line, None))
    return cards


def fate(name, head, value, known, message):
    """Returns the result of a property: kept, named, about the file, empty, or lost."""
    value = re.sub(r"\\n", "\n", value, flags=re.I).replace("\\", "")
    if name in ABOUT_THE_FILE or (name, value.lower()) in {("PROFILE", "vcard"), ("KIND", "individual")}:
        return "about the file"
    if not words(value):
        return "empty"
    inline = re.search(r"(ENCODING=B|BASE64)", head) or value.startswith("data:")
    # The groups of digits in numbers may differ, and a URI may escape letters.
    if name == "TEL":
        value = re.sub(r"^tel:", "", value, flags=re.I)
        value = re.sub(r";?ext=", " ", value, flags=re.I)
    looked_for = words(re.sub(r"_\$!<(.*)>!\$_", r"\1", value))
    if not inline and all(word in known for word in looked_for):
        return "kept"
    if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", message):
        return "named"
    if "shortened" in message or "could not be read" in message:
        return "named"
    return "lost"


def imported(octets, token):
    status, answer = request(f"{SERVER}/contacts.vcf", octets, token, "text/vcard")
    return answer["results"] if status == 200 else [{"outcome": "REFUSED", "message": answer["errors"][0]["message"]}]


def contact_of(identifier, token):
    query = f"query($id: ID!) {{ personalContact(id: $id) {{ {FIELDS} vCard(version: V4_0) }} }}"
    contact = ask(query, {"id": identifier}, token)["personalContact"]
    card = re.sub(r"\r\n[ \t]", "", contact.pop("vCard"))
    return set(words(json.dumps(contact, ensure_ascii=False).replace("\\n", "\n")) + words(card.replace("\\n", "\n").replace("\\", "")))


def check(file, token, totals):
    octets = file.read_bytes()
    results, cards = imported(octets, token), cards_of(octets)
    if not cards:
        assert all(result["outcome"] == "REFUSED" for result in results), file
        totals["files without a card"] += 1
        return
    assert len(results) == len(cards), f"{file}: {len(cards)} cards, {len(results)} results"
    for result, card in zip(results, cards):
        totals["cards"] += 1
        totals[f"cards {result['outcome']}"] += 1
        message = result["message"] or ""
        if result["outcome"] in ("REFUSED", "DUPLICATE"):
            assert message, f"{file}: refused without a word"
            continue
        known = contact_of(result["contact"]["id"], token)
        for name, head, value in card:
            totals["properties"] += 1
            became = fate(name, head, value, known, message)
            totals[became] += 1
            if became == "lost":
                print(f"FAIL vcard exports: {file.parent.name}/{file.name}: {name}{head}:{value[:80]!r} is neither kept nor named: {message!r}")
    again = [result["outcome"] for result in imported(octets, token)]
    assert set(again) <= {"UNCHANGED", "REFUSED", "DUPLICATE"}, (file, again)
    for result in results:
        if result["outcome"] == "CREATED":
            query = "mutation($id: ID!) { deletePersonalContact(input: { contactId: $id }) { userErrors { code } } }"
            ask(query, {"id": result["contact"]["id"]}, token)


def main():
    packages = [path for path in sorted(pathlib.Path(sys.argv[1]).iterdir()) if path.is_dir()]
    files = [file for package in packages for file in sorted(package.iterdir()) if file.name != ".done"]
    packages = {file.parent.name for file in files}
    token, totals = sign_up(), collections.Counter()
    for file in files:
        check(file, token, totals)
    fates = [totals[fate] for fate in ("kept", "named", "about the file", "empty", "lost")]
    outcomes = sum(count for name, count in totals.items() if name.startswith("cards "))
    agree = sum(fates) == totals["properties"] and outcomes == totals["cards"] and not totals["lost"]
    enough = len(files) >= 40 and len(packages) >= 4
    if not enough:
        print(f"     only {len(files)} files of {len(packages)} packages are there")
    print(
        f"{'ok  ' if agree else 'FAIL'} vcard exports: {len(files)} files of {len(packages)} packages, {totals['cards']} cards; "
        f"{totals['properties']} properties: {totals['kept']} kept, {totals['named']} named, {totals['about the file']} about the "
        f"file, {totals['empty']} empty, {totals['lost']} lost"
    )
    print("     " + ", ".join(f"{count} {name.removeprefix('cards ')}" for name, count in sorted(totals.items()) if name.startswith("cards ")))
    sys.exit(0 if agree else 1)


main()
