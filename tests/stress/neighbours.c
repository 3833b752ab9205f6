// SPDX-License-Identifier: BSD-3-Clause

/*
 * Other users of the program break (B2): between our calls, the C library's
 * malloc() and the program's own sbrk() move it by odd amounts. No byte of theirs
 * changes, and the heap continues behind them.
 */

#include <string.h>

#include "stress.h"

#define FOREIGN	64

struct foreign {
	unsigned char *bytes;
	size_t size;
	int from_break;		/* from sbrk(): stays until the end */
};

static struct foreign foreigners[FOREIGN];

static void foreign_verify(const struct foreign *f, unsigned char tag)
{
	for (size_t i = 0; i < f->size; i++)
		if (f->bytes[i] != tag)
			complain("foreign bytes changed");
}

static void foreign_step(struct table *table)
{
	unsigned char tag = (unsigned char)(next_random(table) % FOREIGN);
	struct foreign *f = &foreigners[tag];

	foreign_verify(f, tag);
	if (f->from_break)
		return;
	free(f->bytes);
	f->size = next_random(table) % 3000;
	f->from_break = next_random(table) % 32 == 0;
	f->bytes = f->from_break ? sbrk((intptr_t)f->size) : malloc(f->size + 1);
	if (!f->bytes || f->bytes == (void *)-1)
		complain("malloc() or sbrk() failed");
	memset(f->bytes, tag, f->size);
}

int main(int argc, char **argv)
{
	static struct table table = { .state = 88172645463325252 };

	need_sbrk();
	for (long left = steps_wanted(argc, argv); left > 0; left--) {
		table_step(&table);
		foreign_step(&table);
		if (left % 100 == 0)
			audit();
	}
	for (int i = 0; i < FOREIGN; i++)
		foreign_verify(&foreigners[i], (unsigned char)i);
	table_clear(&table);
	audit();
	return 0;
}
