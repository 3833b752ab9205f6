# SPDX-License-Identifier: BSD-3-Clause
"""A command for gdb: `heap` prints every header from the start of the heap to the break.

Load it with `gdb -x heap.py PROGRAM`. Headers are read as docs/contract.md has them (G1); addresses
are distances from HeapStart, as in traces. A payload lies 32 bytes behind its header.
"""

import gdb

HEADER = 32
PAGE = 4096
START_BRK = 47 - 3      # of /proc/PID/stat, counted from the field behind the name (proc(5))
STATUS = {0: "free", 1: "alloc", 2: "mapped"}


def heap_start():
    """Where the break was when the program began."""
    with open(f"/proc/{gdb.selected_inferior().pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[START_BRK])


def heap_end(start):
    """The break. The C library knows it, unless the library under test makes the system call by
    itself: then it is only known to the page."""
    with open(f"/proc/{gdb.selected_inferior().pid}/maps", encoding="utf-8") as file:
        ends = [int(line.split()[0].split("-")[1], 16) for line in file if "[heap]" in line]
    known = int(gdb.parse_and_eval("*(unsigned long *)&__curbrk"))
    end = max(ends, default=start)
    return known if end - PAGE < known <= end else end


def offset(address, start):
    """An address as a distance from HeapStart where it is on the heap."""
    return f"+{address - start:#x}" if address >= start and address - start < 1 << 32 else \
        f"{address:#x}"


class Heap(gdb.Command):
    """heap: print the blocks of the heap, in the order of their addresses."""

    def __init__(self):
        super().__init__("heap", gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        """Called by gdb for the command."""
        if not gdb.selected_inferior().pid:
            raise gdb.GdbError("The program does not run: break os_malloc, then run.")
        start = heap_start()
        end = heap_end(start)
        print(f"HeapStart is {start:#x}, the break +{end - start:#x}")
        at = start
        while at + HEADER <= end:
            at = self.show(at, start, end)

    def show(self, at, start, end):
        """Print the block whose header is at an address; the address of the next one."""
        memory = bytes(gdb.selected_inferior().read_memory(at, HEADER))
        size, prev, following = (int.from_bytes(memory[place:place + 8], "little")
                                 for place in (0, 16, 24))
        status = int.from_bytes(memory[8:12], "little")
        print(f"  header {offset(at, start):<9} size {size:<7}"
              f" {STATUS.get(status, f'status {status}'):<6} prev {offset(prev, start)}"
              f" next {offset(following, start)}")
        if at + HEADER + size > end:
            print("  that size leads beyond the break")
            return end
        return at + HEADER + size


Heap()
