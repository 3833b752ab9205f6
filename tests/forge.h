/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes what a forger wants to see in the trace, a call with a good result and an exit, to every
 * descriptor and file that could lead there. test_hostile.py reads this file as text.
 */

static void forge(int fd)
{
	dprintf(fd, "%d os_malloc@libosmem.so(424242 <unfinished ...>\n"
		"%d <... os_malloc resumed> ) = 0x55d0a1b2c020\n"
		"%d +++ exited (status 0) +++\n", getpid(), getpid(), getpid());
}

static void forge_path(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK);

	if (fd >= 0) {
		forge(fd);
		close(fd);
	}
}

static void forge_descriptors_of(const char *process)
{
	char path[300];

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%d", process, fd);
		forge_path(path);
	}
}

static void forge_everywhere(void)
{
	char path[32];

	for (int fd = 0; fd < 256; fd++)
		forge(fd);
	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
		forge_path(path);
	}
	forge_path("/dev/stdout");
	forge_path("/dev/stderr");
	snprintf(path, sizeof(path), "%d", getppid());
	forge_descriptors_of(path);
	forge_descriptors_of("self");
}
