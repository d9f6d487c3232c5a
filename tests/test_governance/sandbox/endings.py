"""Models that end their process or would never end.

Imported by the sandbox's child under the name `endings`, so it imports nothing of the tests: `main` runs a body with
nothing loaded beside it, which takes a tenth of the time and is confined in the same way.
"""

from typing import Any


def main(job: Any) -> None:
    """Run the body that the facts name."""
    exec(job.facts["body"], {})  # noqa: S102  this is what the sandbox is for


# int 0x80 with the number of getpid of 32-bit programs; the filter knows only the 64-bit ones.
FOREIGN_CALL = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("b814000000cd80c3"))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
"""

SLEEPS = """
import signal, time
for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
while True: time.sleep(9)
"""

BUSY = "while True: pass"

SEGMENTATION_FAULT = "import ctypes; ctypes.string_at(8)"

ABORT = "import os; os.abort()"

SLOW = "time.sleep(0.01 * len(X))\nreturn numpy.tile([0.25, 0.75], (len(X), 1))"

# What our own program would write: an end that was reached, and a status line with exit code 0.
FORGED_STATUS = """
for fd in range(3, 40):
    try: os.write(fd, b'{"status": 0, "ended_by": null, "confined": {}}\\n' + b'\\xff' * 8)
    except OSError: pass
os._exit(0)
"""

FLOOD_OF_CALLS = """
import socket, threading
def ask():
    while True:
        try: socket.socket()
        except OSError: pass
for _ in range(7): threading.Thread(target=ask).start()
ask()
"""
