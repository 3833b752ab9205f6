// SPDX-License-Identifier: BSD-3-Clause

/*
 * Damage to a live block's header: each byte changed alone, and each first and
 * last part overwritten as by a memset() that is too long. The block is the first
 * of the heap, an inner one, the last, or a mapping. os_free() and os_realloc() of
 * the block must abort (B4). Each case runs in a child process.
 */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "block_meta.h"
#include "stress.h"

#define BLOCKS	4
#define LENGTH	sizeof(struct block_meta)
#define INTACT	77	/* a child's exit status: the bytes had these values already */

enum call { FREE, SHRINK, GROW, CALLS };

static void *make_block(int which)
{
	void *blocks[BLOCKS];

	blocks[0] = os_malloc(100);
	blocks[1] = os_malloc(100);
	/* The rest of the first growth becomes slack of the last block. */
	os_malloc(200);
	blocks[2] = os_malloc(131072 - 4 * 32 - 2 * 104 - 200);
	blocks[3] = os_malloc(200000);
	return blocks[which];
}

/* Bytes [from, to) of a header: filled with byte; a single one is changed by it. */
struct damage {
	size_t from;
	size_t to;
	unsigned char byte;
};

static void do_damage(unsigned char *header, struct damage damage)
{
	unsigned char before[LENGTH];

	memcpy(before, header, LENGTH);
	if (damage.to - damage.from == 1)
		header[damage.from] ^= damage.byte;
	else
		memset(header + damage.from, damage.byte, damage.to - damage.from);
	if (memcmp(before, header, LENGTH) == 0)
		_exit(INTACT);
}

_Noreturn static void misuse(int which, struct damage damage, enum call call)
{
	unsigned char *payload = make_block(which);
	size_t size = call == SHRINK ? 10 : 300000;
	int silent = open("/dev/null", O_WRONLY);

	dup2(silent, STDERR_FILENO);
	do_damage(payload - LENGTH, damage);
	if (call == FREE)
		os_free(payload);
	else
		payload = os_realloc(payload, size);
	_exit(payload ? 0 : 2);
}

static void expect_abort(int which, struct damage damage, enum call call)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		misuse(which, damage, call);
	if (child < 0 || waitpid(child, &status, 0) != child)
		complain("fork() or waitpid() failed");
	if (WIFEXITED(status) && WEXITSTATUS(status) == INTACT)
		return;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
		dprintf_(STDERR_FILENO, "block %d, bytes %zu to %zu, %#x, call %d: status %#x\n",
			 which, damage.from, damage.to, damage.byte, (int)call, status);
		_exit(1);
	}
}

static void expect_aborts(size_t from, size_t to, unsigned char byte)
{
	struct damage damage = { from, to, byte };

	for (int which = 0; which < BLOCKS; which++)
		for (enum call call = FREE; call < CALLS; call++)
			expect_abort(which, damage, call);
}

int main(int argc, char **argv)
{
	static const unsigned char changes[] = { 0x01, 0x80, 0xff, 0x7f, 0x10, 0x02, 0x55 };
	static const unsigned char fills[] = { 'A', 0xff, 0x00, 0x01, 0xaa };

	for (size_t step = 0; step < (size_t)steps_wanted(argc, argv); step++) {
		unsigned char fill = fills[step % sizeof(fills)];

		for (size_t byte = 0; byte < LENGTH; byte++) {
			expect_aborts(byte, byte + 1, changes[step % sizeof(changes)]);
			expect_aborts(0, byte + 1, fill);
			expect_aborts(byte, LENGTH, fill);
		}
	}
	return 0;
}
