"""Holds the manifest of an unpacked container against its files: manifest.py DIRECTORY.

Reads the XML and its URIs with what Python has, to differ from how rogatory does it.
"""

import base64
import hashlib
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as tree

root = pathlib.Path(sys.argv[1])
asic, ds = "{http://uri.etsi.org/02918/v1.2.1#}", "{http://www.w3.org/2000/09/xmldsig#}"
manifest = tree.parse(root / "META-INF/ASiCManifest001.xml").getroot()
assert manifest.tag == asic + "ASiCManifest", manifest.tag
assert manifest.find(asic + "SigReference").get("URI") == "META-INF/signature001.p7s"
listed = {}
for reference in manifest.findall(asic + "DataObjectReference"):
    name = urllib.parse.unquote(reference.get("URI"), errors="strict")
    method = reference.find(ds + "DigestMethod").get("Algorithm")
    assert method == "http://www.w3.org/2001/04/xmlenc#sha256", method
    listed[name] = base64.b64decode(reference.find(ds + "DigestValue").text)
there = {
    str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).digest()
    for path in root.rglob("*")
    if path.is_file() and path.relative_to(root).parts[0] not in ("META-INF", "mimetype")
}
assert listed == there, listed.keys() ^ there.keys()
