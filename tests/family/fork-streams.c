// SPDX-License-Identifier: BSD-3-Clause

/*
 * fork() while another thread holds the C library's list of open streams and
 * allocates, or waits for a thread that allocates: getline() allocates with its
 * stream locked, fflush(NULL) holds the list and waits for the stream, and fork()
 * waits for the list. fork() must not hold a lock that an allocation waits for.
 */

#include "family.h"

#include <pthread.h>
#include <semaphore.h>

#define ROUNDS	20

/* Functions of the C library that no header declares. */
static void (*lock_list)(void);
static void (*unlock_list)(void);

static sem_t go;
static pid_t forker;

/* The kernel's letter for the state of a thread: S if it waits. */
static char state_of(pid_t thread)
{
	char name[64];
	char line[200] = "";
	ssize_t length;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", (int)thread);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	length = read(fd, line, sizeof(line) - 1);
	CHECK(fd >= 0 && length > 0);
	close(fd);
	return strrchr(line, ')')[2];
}

/* When the list is locked, the other thread forks and has to wait. */
static void *allocate_with_list(void *arg)
{
	for (size_t round = 0; round < ROUNDS; round++) {
		lock_list();
		CHECK(sem_post(&go) == 0);
		for (int i = 0; i < 10000 && state_of(forker) != 'S'; i++)
			usleep(100);
		usleep(1000);
		free(hide(malloc(20 * MIB)));
		unlock_list();
		CHECK(sem_wait(arg) == 0);
	}
	return NULL;
}

/* A fork handler registered before the library's waits for a thread that opens files. */
static sem_t ask;
static sem_t had;
static bool asks;

static void *have_list(void *arg)
{
	for (size_t round = 0; round < ROUNDS; round++) {
		CHECK(sem_wait(&ask) == 0);
		lock_list();
		unlock_list();
		CHECK(sem_post(&had) == 0);
	}
	return arg;
}

static void before_fork(void)
{
	if (asks)
		CHECK(sem_post(&ask) == 0 && sem_wait(&had) == 0);
}

/* The child can use the list, and memory. */
static void child(void *arg)
{
	FILE *file = fopen("/proc/self/stat", "r");

	(void)arg;
	CHECK(file && fflush(NULL) == 0 && fclose(file) == 0);
	free(hide(malloc(20 * MIB)));
}

int main(void)
{
	pthread_t thread;
	sem_t forked;

	/* Before the first allocation. */
	CHECK(pthread_atfork(before_fork, NULL, NULL) == 0);
	*(void **)&lock_list = dlsym(RTLD_DEFAULT, "_IO_list_lock");
	*(void **)&unlock_list = dlsym(RTLD_DEFAULT, "_IO_list_unlock");
	if (!lock_list || !unlock_list)
		skip("this C library has no list of streams that a program can lock");
	watchdog();
	forker = gettid();
	CHECK(sem_init(&go, 0, 0) == 0 && sem_init(&forked, 0, 0) == 0);
	CHECK(pthread_create(&thread, NULL, allocate_with_list, &forked) == 0);
	for (size_t round = 0; round < ROUNDS; round++) {
		CHECK(sem_wait(&go) == 0);
		in_child(child, NULL);
		CHECK(sem_post(&forked) == 0);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(sem_init(&ask, 0, 0) == 0 && sem_init(&had, 0, 0) == 0);
	CHECK(pthread_create(&thread, NULL, have_list, NULL) == 0);
	asks = true;
	for (size_t round = 0; round < ROUNDS; round++)
		in_child(child, NULL);
	CHECK(pthread_join(thread, NULL) == 0);
	child(NULL);
	return 0;
}
