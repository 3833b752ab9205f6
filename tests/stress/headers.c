// SPDX-License-Identifier: BSD-3-Clause

/*
 * Each byte of a live block's header, overwritten in several ways, on the
 * heap's first, an inner and its last block and on a mapping: os_free() and
 * os_realloc() of the block must abort (B4). One child process for each case.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "block_meta.h"
#include "stress.h"

#define BLOCKS	4

enum call { FREE, SHRINK, GROW, CALLS };

static void *make_block(int which)
{
	void *blocks[BLOCKS];

	blocks[0] = os_malloc(100);
	blocks[1] = os_malloc(100);
	/* What is left of the first growth goes to the last block as slack. */
	os_malloc(200);
	blocks[2] = os_malloc(131072 - 4 * 32 - 2 * 104 - 200);
	blocks[3] = os_malloc(200000);
	return blocks[which];
}

_Noreturn static void misuse(int which, size_t byte, unsigned char change, enum call call)
{
	unsigned char *payload = make_block(which);
	size_t size = call == SHRINK ? 10 : 300000;
	int silent = open("/dev/null", O_WRONLY);

	dup2(silent, STDERR_FILENO);
	payload[-(long)sizeof(struct block_meta) + (long)byte] ^= change;
	if (call == FREE)
		os_free(payload);
	else
		payload = os_realloc(payload, size);
	_exit(payload ? 0 : 2);
}

static void expect_abort(int which, size_t byte, unsigned char change, enum call call)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		misuse(which, byte, change, call);
	if (child < 0 || waitpid(child, &status, 0) != child)
		complain("fork() or waitpid() failed");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
		dprintf_(STDERR_FILENO, "block %d, byte %zu ^ %#x, call %d: status %#x\n", which,
			 byte, change, (int)call, status);
		_exit(1);
	}
}

int main(int argc, char **argv)
{
	static const unsigned char changes[] = { 0x01, 0x80, 0xff, 0x7f, 0x10, 0x02, 0x55 };

	for (long step = 0; step < steps_wanted(argc, argv); step++)
		for (int which = 0; which < BLOCKS; which++)
			for (size_t byte = 0; byte < sizeof(struct block_meta); byte++)
				for (enum call call = FREE; call < CALLS; call++)
					expect_abort(which, byte,
						     changes[(size_t)step % sizeof(changes)], call);
	return 0;
}
