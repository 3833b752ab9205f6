// SPDX-License-Identifier: BSD-3-Clause
/*
 * The layers of the sandbox that a process applies to itself; see confine.h.
 *
 * Landlock's constants are defined here, since the system's headers may be older than its kernel.
 */
#define _GNU_SOURCE
#include "confine.h"
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LANDLOCK_CREATE 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT_SELF 446
#define LANDLOCK_VERSION_FLAG 1u
#define LANDLOCK_PATH_BENEATH 1
#define LANDLOCK_EXECUTE 0x1u
#define LANDLOCK_WRITE_FILE 0x2u
#define LANDLOCK_READ_FILE 0x4u
#define LANDLOCK_READ_DIR 0x8u
#define LANDLOCK_TRUNCATE 0x4000u
#define LANDLOCK_READ (LANDLOCK_EXECUTE | LANDLOCK_READ_FILE | LANDLOCK_READ_DIR)
#define LANDLOCK_OF_FILES (LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | \
			   LANDLOCK_TRUNCATE)
#define LANDLOCK_TCP 0x3u		/* bind, connect */
#define LANDLOCK_SCOPES 0x3u		/* abstract sockets, signals */
#define LANDLOCK_HAS_NETWORK 4		/* the first versions that have it */
#define LANDLOCK_HAS_SCOPES 6

/* The argument of landlock_create_ruleset(), as in the newest version that is used here. */
struct ruleset {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* The file rights of each version of Landlock, from version 1 on. */
static const uint64_t file_rights[] = { 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff };

void confine_give_up(const char *step)
{
	dprintf(STDERR_FILENO, "confined: %s: %s\n", step, strerror(errno));
	_exit(CONFINE_FAILED);
}

/* ---- resources and user ---- */

void confine_limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(what, &now) != 0)
		confine_give_up("getrlimit");
	if (now.rlim_max < most)
		most = now.rlim_max;
	now.rlim_cur = most;
	now.rlim_max = most;
	if (setrlimit(what, &now) != 0)
		confine_give_up("setrlimit");
}

static void limit_by_name(const char *name, size_t length, rlim_t most)
{
	static const struct {
		const char *name;
		__rlimit_resource_t what;
	} known[] = {
		{ "cpu", RLIMIT_CPU }, { "as", RLIMIT_AS }, { "fsize", RLIMIT_FSIZE },
		{ "core", RLIMIT_CORE }, { "nproc", RLIMIT_NPROC }, { "nofile", RLIMIT_NOFILE },
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		if (strlen(known[i].name) != length || strncmp(known[i].name, name, length) != 0)
			continue;
		confine_limit(known[i].what, most);
		return;
	}
	errno = EINVAL;
	confine_give_up(name);
}

void confine_limits(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "=");
		char *end = NULL;
		rlim_t most = text[length] ? strtoul(text + length + 1, &end, 10) : 0;

		limit_by_name(text, end ? length : 0, most);
		text = *end == ',' ? end + 1 : end;
	}
}

void confine_user(uid_t id)
{
	if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
		confine_give_up("setuid");
}

/* ---- files ---- */

int confine_landlock_version(void)
{
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);

	return version < 0 ? 0 : (int)version;
}

static void allow_path(int rules, const char *path, uint64_t rights)
{
	struct path_rule rule = { .allowed = rights };
	struct stat status;

	rule.parent = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent < 0)
		return;
	if (fstat(rule.parent, &status) != 0)
		confine_give_up(path);
	if (!S_ISDIR(status.st_mode))
		rule.allowed &= LANDLOCK_OF_FILES;
	if (syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, &rule, 0) != 0)
		confine_give_up(path);
	close(rule.parent);
}

static void allow_paths(int rules, const char *list, uint64_t rights)
{
	char path[4096];

	while (*list) {
		size_t length = strcspn(list, ":");

		if (length >= sizeof(path)) {
			errno = ENAMETOOLONG;
			confine_give_up("Landlock");
		}
		memcpy(path, list, length);
		path[length] = '\0';
		allow_path(rules, path, rights);
		list += length + (list[length] == ':');
	}
}

void confine_files(const char *readable, const char *writable)
{
	size_t version = (size_t)confine_landlock_version();
	size_t newest = version < COUNT(file_rights) ? version : COUNT(file_rights);
	struct ruleset all = { .network = LANDLOCK_TCP, .scopes = LANDLOCK_SCOPES };
	size_t size = sizeof(all);
	int rules;

	errno = EOPNOTSUPP;
	if (!version)
		confine_give_up("Landlock");
	if (version < LANDLOCK_HAS_NETWORK)
		size = offsetof(struct ruleset, network);
	else if (version < LANDLOCK_HAS_SCOPES)
		size = offsetof(struct ruleset, scopes);
	all.files = file_rights[newest - 1];
	rules = (int)syscall(LANDLOCK_CREATE, &all, size, 0);
	if (rules < 0)
		confine_give_up("Landlock");
	allow_paths(rules, readable, LANDLOCK_READ);
	allow_paths(rules, writable, all.files);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(LANDLOCK_RESTRICT_SELF, rules, 0) != 0)
		confine_give_up("Landlock");
	close(rules);
}

/* ---- system calls ---- */

static const unsigned int refused[] = {
	SYS_socket, SYS_socketpair, SYS_io_uring_setup, SYS_process_vm_readv,
	SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare,
	SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key,
	SYS_request_key, SYS_open_by_handle_at, SYS_shmget, SYS_semget, SYS_msgget, SYS_mq_open,
	SYS_pidfd_getfd, SYS_flock,
};

/*
 * With locks on files, or signals when a file is used, submissions that are graded at the same
 * time could communicate.
 */
static const unsigned int refused_of_fcntl[] = {
	F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE, F_GETLEASE,
	F_NOTIFY, F_SETOWN, F_SETOWN_EX, F_SETSIG,
};

/* Appends instructions that refuse each of these values of the loaded word; returns the end. */
static struct sock_filter *refuse(struct sock_filter *next, const unsigned int *values,
				  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*next++ = (struct sock_filter)IF_EQUAL(values[i], 0, 1);
		*next++ = (struct sock_filter)REFUSE;
	}
	return next;
}

void confine_filter(const struct sock_filter *rules, size_t count)
{
	struct sock_fprog program = { .len = (unsigned short)count,
				      .filter = (struct sock_filter *)rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		confine_give_up("seccomp");
}

void confine_system_calls(void)
{
	struct sock_filter rules[2 * (COUNT(refused) + COUNT(refused_of_fcntl)) + 5];
	struct sock_filter *next = rules;

	*next++ = (struct sock_filter)LOAD(nr);
	next = refuse(next, refused, COUNT(refused));
	*next++ = (struct sock_filter)IF_EQUAL(SYS_fcntl, 1, 0);
	*next++ = (struct sock_filter)ALLOW;
	*next++ = (struct sock_filter)LOAD(args[1]);
	next = refuse(next, refused_of_fcntl, COUNT(refused_of_fcntl));
	*next++ = (struct sock_filter)ALLOW;
	confine_filter(rules, (size_t)(next - rules));
}
