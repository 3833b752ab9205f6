# SPDX-License-Identifier: BSD-3-Clause
"""Draw the heap in plain characters, for one screen.

    heap: 3 blocks; 2 live, 1104 bytes; 1 free, 129872 bytes
    # live   . free   ~ not ours   offsets: payloads, from HeapStart
    +0x20         +0x428  +0x4b0                      +0x20000
    |#### 1000 ###|# 104 #|....... 129872 free .......|break
                   ^^^^^^^

Each block is a cell. Above it stands the payload's offset from HeapStart, as in a trace, and in it
the block's size. The model of a wrong allocator (mistakes.py) may have lost bytes behind a block:
`x 24 lost x`. The width of a cell grows with the logarithm of the size, so 8 bytes are visible next
to 128 KiB. Cells that do not fit on the screen, but never the marked block, are summed up in one.
"""

from dataclasses import dataclass
from math import log2

from ..spec.model import FREE

MAX_ROWS = 8            # rows of cells; a row is two lines, or three with the mark below it
MAX_MAPS = 3            # mappings drawn one by one
FILL = {"live": "#", "free": ".", "gap": "~", "unknown": "?", "lost": "x", "more": " ",
        "break": " "}
SAID = {"gap": "not ours", "unknown": "not known", "lost": "lost"}


@dataclass
class Cell:
    """A cell of the picture: its kind (a key of FILL), the text above and the text in it."""

    kind: str
    above: str
    label: str
    size: int = 0           # bytes, for the width
    marked: bool = False

    def width(self):
        """The preferred width in characters, without the left border."""
        if self.kind == "break":
            return max(len(self.above), len(self.label))
        scale = int(2 * log2(self.size / 8 + 1))
        return max(len(self.label) + 4, len(self.above), scale)


def draw(model, width=72, mark=None, between="gap"):
    """A picture of a model's heap and mappings, as a string of at most 24 lines.

    width    the longest line in characters, 72 or more
    mark     an address, usually a payload: an arrow marks its block, or a line says that it lies
             in none
    between  the kind of memory between the model's blocks: "gap" (of others) or "unknown"
    """
    cells = _heap_cells(model, mark, between)
    lines = [_summary(model, cells), _legend(model, cells)]
    lines += _fit(cells, width)
    lines += _map_lines(model, mark)
    if model.heap and model.brk < model.heap[-1].end:
        lines.append(f"break {_offset(model, model.brk)}: below the end of the heap")
    if mark is not None and not any(b.contains(mark) for b in _all_blocks(model)):
        lines.append(f"^ the address {_name(model, mark)} lies in no block")
    return "\n".join(line[:width].rstrip() for line in lines)


def _all_blocks(model):
    return model.heap + list(model.maps.values())


def _offset(model, address):
    delta = address - model.start
    return f"-0x{-delta:x}" if delta < 0 else f"+0x{delta:x}"


def _name(model, address):
    """An address that lies in no block, as text."""
    if 0 <= address - model.start < 1 << 36:
        return f"HeapStart {_offset(model, address)}"
    return f"0x{address & (1 << 64) - 1:x}"


def _count(blocks, word):
    return f"{len(blocks)} {word}, {_bytes(sum(b.size for b in blocks))}"


def _bytes(count):
    return "1 byte" if count == 1 else f"{count} bytes"


def _summary(model, cells):
    """The first line: the number of blocks and bytes of each kind."""
    if not model.heap:
        return f"heap: no block yet; break {_offset(model, model.brk)}"
    unknown = [cell.size for cell in cells if cell.kind == "unknown"]
    if unknown:
        return f"heap: {_count(model.heap, 'live')}; {sum(unknown)} bytes not known"
    free = [b for b in model.heap if b.status == FREE]
    live = [b for b in model.heap if b.status != FREE]
    plural = "block" if len(model.heap) == 1 else "blocks"
    return f"heap: {len(model.heap)} {plural}; {_count(live, 'live')}; {_count(free, 'free')}"


def _legend(model, cells):
    """The second line: the meaning of the characters in the cells."""
    if not model.heap:
        return "the first request that goes to the heap creates it (F1)"
    kinds = [kind for kind in SAID if kind in {cell.kind for cell in cells}] or ["gap"]
    others = "   ".join(f"{FILL[kind]} {SAID[kind]}" for kind in kinds)
    return f"# live   . free   {others}   offsets: payloads, from HeapStart"


# ---- cells --------------------------------------------------------------------------------

def _heap_cells(model, mark, between):
    """The cells of the blocks and gaps in address order, then that of the break."""
    cells = []
    position = 0 if between == "unknown" or not model.heap else model.heap[0].addr
    for block in model.heap:
        cells += _gap(model, between, position, block.addr)
        cells.append(_block_cell(model, block, mark))
        cells += _gap(model, "lost", block.payload + block.size, block.end)
        position = block.end
    if model.heap and model.brk >= position:
        cells += _gap(model, between, position, model.brk)
        cells.append(Cell("break", _offset(model, model.brk), "break"))
    return cells


def _gap(model, kind, begin, end):
    """The cell for the memory from `begin` to `end`, as a list; [] if there is none."""
    if begin >= end:
        return []
    return [Cell(kind, _offset(model, begin), f"{end - begin} {SAID[kind]}", end - begin)]


def _block_cell(model, block, mark):
    free = block.status == FREE
    label = f"{block.size} free" if free else str(block.size)
    marked = mark is not None and block.contains(mark)
    return Cell("free" if free else "live", _offset(model, block.payload), label, block.size,
                marked)


def _more_cell(cells):
    """One cell that sums up several."""
    live = [c.size for c in cells if c.kind == "live"]
    free = [c.size for c in cells if c.kind == "free"]
    gaps = sum(c.kind in SAID for c in cells)
    others = f"; {gaps} gaps" if gaps else ""
    label = f"{len(live)} live, {_bytes(sum(live))}; {len(free)} free, {_bytes(sum(free))}{others}"
    return Cell("more", cells[0].above, f"... {label} ...")


# ---- layout -------------------------------------------------------------------------------

def _fit(cells, width):
    """The lines of the cells; cells in the middle are summed up until MAX_ROWS rows suffice."""
    rows = _rows(cells, width)
    keep = MAX_ROWS * width // 8        # more cells than fit in the rows
    while len(rows) > MAX_ROWS and keep > 0:
        keep -= 1
        rows = _rows(_thin_out(cells, keep), width)
    return [line for row in rows for line in _row_lines(row, width)]


def _thin_out(cells, keep):
    """Keep `keep` cells at the start, at the end and on each side of the mark; sum up the rest."""
    last = len(cells) - 1
    marks = [i for i, cell in enumerate(cells) if cell.marked]
    kept = [i <= keep or i >= last - keep or any(abs(i - m) <= keep for m in marks)
            for i in range(len(cells))]
    result, run = [], []
    for cell, stays in zip(cells, kept):
        if not stays:
            run.append(cell)
            continue
        result += _summed_up(run) + [cell]
        run = []
    return result


def _summed_up(run):
    """The cells that replace a run of cells: one that sums them up, or the run if it is shorter
    than two."""
    return [_more_cell(run)] if len(run) > 1 else run


def _rows(cells, width):
    """The cells in rows of at most `width` characters."""
    rows, used = [], width
    for cell in cells:
        needed = cell.width() + 1
        if used + needed + 1 > width:
            rows.append([])
            used = 0
        rows[-1].append(cell)
        used += needed
    return rows


def _row_lines(row, width):
    """The two lines of a row of cells, and a third if it has the marked block."""
    above, inside, below = "", "", ""
    for cell in row:
        room = min(cell.width(), width - 2)
        above += cell.above.ljust(room + 1)
        if cell.marked:
            below = " " * (len(inside) + 1) + "^" * room
        inside += "|" + _body(cell, room)
    if row[-1].kind != "break":
        inside += "|"
    return [above, inside] + ([below] if below else [])


def _body(cell, room):
    """The inside of a cell: its label, centred and padded with its character."""
    if cell.kind == "break":
        return cell.label
    return f" {cell.label} ".center(room, FILL[cell.kind])


# ---- mappings -----------------------------------------------------------------------------

def _map_lines(model, mark):
    """A line for each mapping, the marked one first, then a line that sums up the rest."""
    blocks = sorted(model.maps.items(), key=lambda item: _unmarked(item[1], mark))
    lines = [_map_line(number, block, mark) for number, block in blocks[:MAX_MAPS]]
    rest = [block for _, block in blocks[MAX_MAPS:]]
    return lines + ([f"... and {_count(rest, 'more mappings')}"] if rest else [])


def _unmarked(block, mark):
    return mark is None or not block.contains(mark)


def _map_line(number, block, mark):
    arrow = "" if _unmarked(block, mark) else "   <-- ^"
    return f"<mapped-addr {number}> +0x{block.header:x}: |#### {block.size} ####|{arrow}"
