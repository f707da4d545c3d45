"""Changes one thing in a file: flip.py FILE byte N | flip.py FILE line N

A bit of byte N, or one character of base64 in line N, from 1 (negative: from the end), into another
that base64 has. The file gets a new inode: other names of it keep what they had.
"""

import os
import pathlib
import sys

path, unit, number = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
content = bytearray(path.read_bytes())
if unit == "byte":
    content[number] ^= 1
else:
    lines = bytes(content).split(b"\n")[:-1]
    line = bytearray(lines[number - 1 if number > 0 else number])
    # Neither in a name or key id at its beginning nor in the padding at its end.
    at = len(line) - 20
    line[at] = ord("B" if line[at] == ord("A") else "A")
    lines[number - 1 if number > 0 else number] = bytes(line)
    content = b"\n".join(lines) + b"\n"
aside = path.with_name("aside")
aside.write_bytes(content)
os.replace(aside, path)
