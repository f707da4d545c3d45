"""Where a container must not be another: places.py CONTAINER writes a place a line.

The middle of every file and of its name; of the large ones, their ends, too.
"""

import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as container:
    for info in container.infolist():
        name = info.header_offset + 30
        data = name + len(info.orig_filename.encode())
        places = {name + 1, data + info.file_size // 2}
        if info.file_size > 1 << 20:
            places |= {data, data + info.file_size - 1}
        if info.file_size == 0:
            places = {name + 1}
        for place in sorted(places):
            print(place)
    # The directory: a checksum, and the number of files.
    print(container.start_dir + 16)
