// SPDX-License-Identifier: BSD-3-Clause
/*
 * --doctor traces this program to find out whether tracing works and whether a program can reach
 * its trace. It tries to reach its tracer in several ways; each way that works sets a bit of the
 * exit status.
 */

#define OSMEM_PRINTF_NO_MACROS		/* the probe library has no printf */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "osmem.h"

#define LAST_FD 1024

enum way { OWN_DESCRIPTOR = 1, TRACER_FILES = 2, TRACER_SIGNAL = 4, ROOT = 8 };

static int own_descriptor(void)
{
	for (int fd = 3; fd < LAST_FD; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return OWN_DESCRIPTOR;
	return 0;
}

static int tracer_files(void)
{
	static const char *const files[] = {"fd", "mem", "environ", "cwd/."};
	char path[64];

	for (unsigned int i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), files[i]);
		if (open(path, O_RDONLY) >= 0)
			return TRACER_FILES;
	}
	return 0;
}

static int tracer_signal(void)
{
	return kill(getppid(), 0) == 0 ? TRACER_SIGNAL : 0;
}

int main(void)
{
	os_free(os_malloc(1));
	return own_descriptor() | tracer_files() | tracer_signal() | (geteuid() ? 0 : ROOT);
}
