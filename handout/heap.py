# SPDX-License-Identifier: BSD-3-Clause
"""The gdb command `heap`: prints every header from the start of the heap to the break.

Load it with `gdb -x heap.py PROGRAM`. It reads headers in the layout of docs/contract.md (G1) and
prints addresses as offsets from HeapStart, as in traces. A payload lies 32 bytes after its header.
"""

import gdb

HEADER = 32
PAGE = 4096
START_BRK = 47 - 3      # field 47 of /proc/PID/stat; the fields after the name begin with 3
STATUS = {0: "free", 1: "alloc", 2: "mapped"}


def heap_start():
    """The break when the program started."""
    with open(f"/proc/{gdb.selected_inferior().pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[START_BRK])


def heap_end(start):
    """The break. The C library knows it exactly, unless the library under test makes the brk
    system call itself. Then only the end of its page is known."""
    with open(f"/proc/{gdb.selected_inferior().pid}/maps", encoding="utf-8") as file:
        ends = [int(line.split()[0].split("-")[1], 16) for line in file if "[heap]" in line]
    known = int(gdb.parse_and_eval("*(unsigned long *)&__curbrk"))
    end = max(ends, default=start)
    return known if end - PAGE < known <= end else end


def offset(address, start):
    """A heap address as an offset from HeapStart, any other address unchanged; a string."""
    return f"+{address - start:#x}" if address >= start and address - start < 1 << 32 else \
        f"{address:#x}"


class Heap(gdb.Command):
    """heap: print the blocks of the heap in address order."""

    def __init__(self):
        super().__init__("heap", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        """Run the command; gdb calls this."""
        if not gdb.selected_inferior().pid:
            raise gdb.GdbError("The program is not running: type break os_malloc, then run.")
        start = heap_start()
        end = heap_end(start)
        print(f"HeapStart is {start:#x}, the break +{end - start:#x}")
        at = start
        while at + HEADER <= end:
            at = self.show(at, start, end)

    def show(self, at, start, end):
        """Print the block whose header is at address `at`; returns the address of the next."""
        memory = bytes(gdb.selected_inferior().read_memory(at, HEADER))
        size, prev, following = (int.from_bytes(memory[place:place + 8], "little")
                                 for place in (0, 16, 24))
        status = int.from_bytes(memory[8:12], "little")
        print(f"  header {offset(at, start):<9} size {size:<7}"
              f" {STATUS.get(status, f'status {status}'):<6} prev {offset(prev, start)}"
              f" next {offset(following, start)}")
        if at + HEADER + size > end:
            print("  this size extends beyond the break")
            return end
        return at + HEADER + size


Heap()
