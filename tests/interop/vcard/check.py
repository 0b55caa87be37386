"""Reads cards in 3.0 and 4.0 with vobject and compares every property of every person with the input.

    check.py <folder with people.json, 3.0.vcf and 4.0.vcf>

vobject supports 3.0. In 4.0 it reads the shared syntax and does not decode RFC 6868 in parameters. The only thing that it
cannot read is a second nickname: it treats NICKNAME as one text and keeps the part before the comma.
"""

import json
import pathlib
import re
import sys

import vobject

PLACES = ("work", "home")
LINES = {"mobile": "cell", "fax": "fax", "pager": "pager", "video": "video"}
ONLY = {"3.0": {"car": "car", "modem": "modem"}, "4.0": {"text": "text", "textphone": "textphone"}}


def types_of(label, name, version):
    """Returns the types of a label. None when the label has its own line."""
    lines = {**LINES, **ONLY[version]} if name == "TEL" else {}
    if name == "URL" and version == "3.0":
        return None
    words = label.split(" ")
    if len(words) == 2 and words[0] in PLACES and words[1] in lines:
        return [words[0], lines[words[1]]]
    if len(words) == 1 and (words[0] in PLACES or words[0] in lines):
        return [lines.get(words[0], words[0])]
    return None


def expected(person, version):
    """Returns the properties by name, each a list of (value, types, preferred, label, other parameters)."""
    four = version == "4.0"
    properties = {}

    def add(name, value, item=None, before=(), voice=False, **parameters):
        item = item or {}
        label = item.get("label")
        known = types_of(label, name, version) if label else []
        types = [*before, *(known or [])]
        if voice and all(word in PLACES for word in types):
            types.append("voice")
        own = label if label and known is None else None
        found = (value, types, item.get("preferred", False), own, parameters)
        properties.setdefault(name, []).append(found)

    def text(name, value, **parameters):
        if value:
            add(name, value, **parameters)

    add("VERSION", version)
    add("PRODID", "-//Rapport//Rapport 1.0//EN")
    text("UID", person["uid"])
    if four:
        add("KIND", "org" if person["organizationCard"] else "individual")
    elif person["organizationCard"]:
        add("X-ABSHOWAS", "COMPANY")
    if person.get("changedAt"):
        add("REV", re.sub("[-:]", "", person["changedAt"]) if four else person["changedAt"])
    name = [person["name"][part] or "" for part in ("family", "given", "additional", "prefix", "suffix")]
    if any(name):
        add("N", name)
    elif not four:
        add("N", [person["fullName"], "", "", "", ""])
    add("FN", person["fullName"])
    if person["nicknames"]:
        add("NICKNAME", person["nicknames"][0])
    if person["organization"] or person["units"]:
        add("ORG", [person["organization"] or "", *person["units"]])
    text("TITLE", person["title"])
    for email in person["emails"]:
        add("EMAIL", email["address"], email, before=() if four else ("internet",))
    for phone in person["phones"]:
        number, extension = phone["number"], phone["extension"]
        digits = sum(c in "0123456789" for c in number)
        uri = four and re.fullmatch(r"\+[0-9][-0-9.()]*", number) and 3 <= digits <= 15
        if uri:
            value = f"tel:{number}" + (f";ext={extension}" if extension else "")
        else:
            value = number + (f" x{extension}" if extension else "")
        add("TEL", value, phone, voice=True, **({"VALUE": "uri" if uri else "text"} if four else {}))
    for address in person["addresses"]:
        parts = [address[part] for part in ("street", "city", "region", "postalCode", "country")]
        town = " ".join(part for part in parts[1:4] if part is not None)
        lines = "\n".join(line for line in (parts[0], town, parts[4]) if line)
        caret = lines.replace("^", "^^").replace('"', "^'").replace("\n", "^n")
        add("ADR", ["", "", *(part or "" for part in parts)], address, **({"LABEL": caret} if four else {}))
        if not four:
            kept = types_of(address["label"], "ADR", version) if address["label"] else None
            add("LABEL", lines, {**address, "label": address["label"] if kept else None})
    for url in person["urls"]:
        add("URL", url["address"], url)
    for messenger in person["messengers"]:
        add("IMPP", messenger["uri"], messenger)
    text("PHOTO", person["photoUrl"], **({"MEDIATYPE": "image/png"} if four else {"VALUE": "uri"}))
    if birthday := person["birthday"]:
        year, month, day = birthday["year"], f"{birthday['month']:02}", f"{birthday['day']:02}"
        if four:
            add("BDAY", f"{year or '--'}{month}{day}")
        elif year:
            add("BDAY", f"{year}-{month}-{day}")
        else:
            add("BDAY", f"1604-{month}-{day}", **{"X-APPLE-OMIT-YEAR": "1604"})
    if four:
        text("LANG", person["locale"])
    if zone := person["timeZone"]:
        offset = zone[0] in "+-"
        if four:
            add("TZ", zone.replace(":", "") if offset else zone, **({"VALUE": "utc-offset"} if offset else {}))
        else:
            add("TZ", zone, **({} if offset else {"VALUE": "text"}))
    if person["categories"]:
        add("CATEGORIES", person["categories"])
    text("NOTE", person["note"])
    return properties


def plain(line):
    """Returns the value as texts, because vobject has objects for names and addresses."""
    value = line.value
    if line.name == "N":
        return [value.family, value.given, value.additional, value.prefix, value.suffix]
    if line.name == "ADR":
        return [value.box, value.extended, value.street, value.city, value.region, value.code, value.country]
    return value


def compare(person, card, version):
    found = {}
    labels = {}
    for line in card.getChildren():
        if line.name == "X-ABLABEL":
            assert line.group not in labels, line
            labels[line.group] = line.value
        else:
            found.setdefault(line.name, []).append(line)
    wanted = expected(person, version)
    assert set(found) == set(wanted), set(found) ^ set(wanted)
    count = 0
    for name, properties in wanted.items():
        assert len(found[name]) == len(properties), name
        for line, (value, types, preferred, label, parameters) in zip(found[name], properties):
            assert plain(line) == value, (name, plain(line), value)
            given = {key: list(values) for key, values in line.params.items()}
            if version == "4.0":
                first = ["1"] if preferred or name == "LANG" else []
                assert given.pop("PREF", []) == first, (name, line.params)
            else:
                types = [word.upper() for word in [*types, *(["pref"] if preferred else [])]]
            assert given.pop("TYPE", []) == types, (name, line.params, types)
            assert given == {key: [value] for key, value in parameters.items()}, (name, given)
            assert labels.get(line.group) == label, (name, label)
            count += 1 + (label is not None)
    assert sum(label is not None for each in wanted.values() for *_, label, _ in each) == len(labels)
    return count


def main():
    folder = pathlib.Path(sys.argv[1])
    people = json.loads((folder / "people.json").read_text("utf-8"))
    for version in ("3.0", "4.0"):
        octets = (folder / f"{version}.vcf").read_bytes()
        assert all(len(line) <= 75 for line in octets.split(b"\r\n")), "no line is longer than 75 octets"
        cards = list(vobject.readComponents(octets.decode("utf-8")))
        assert len(cards) == len(people), len(cards)
        count = 0
        for person, card in zip(people, cards):
            try:
                count += compare(person, card, version)
            except AssertionError as error:
                sys.exit(f"FAIL vobject: {version}: {person['uid']}: {error}")
        print(f"ok   vobject: {version}: {len(people)} people, {count} values")


main()
