// SPDX-License-Identifier: BSD-3-Clause

/*
 * The library is not preloaded: a program opens it, uses it in a thread and closes it before that
 * thread ends; then the process forks. Fork handlers and destructors of the library still run.
 */

#include "family.h"

#include <pthread.h>

#define LIBRARY	"UNLOAD_LIBRARY"

static void *use(void *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *(*allocate)(size_t size);
	void (*release)(void *ptr);

	CHECK(library);
	*(void **)&allocate = dlsym(library, "malloc");
	*(void **)&release = dlsym(library, "free");
	CHECK(allocate && allocate != malloc && release);
	release(allocate(100));
	CHECK(dlclose(library) == 0);
	return NULL;
}

static void work(void *arg)
{
	CHECK(!arg);
}

int main(int argc, char **argv)
{
	char *preloaded = getenv("LD_PRELOAD");
	pthread_t thread;

	CHECK(argc > 0);
	if (preloaded) {
		CHECK(setenv(LIBRARY, preloaded, 1) == 0 && unsetenv("LD_PRELOAD") == 0);
		execv("/proc/self/exe", argv);
		CHECK(errno == 0);
	}
	if (!getenv(LIBRARY))
		skip("no library is preloaded");
	watchdog();
	if (!c_library())
		skip("a static program cannot open a library");
	if (dlopen(getenv(LIBRARY), RTLD_NOW | RTLD_NOLOAD))
		skip("the program is linked with the library");
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&thread, NULL, use, getenv(LIBRARY)) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	in_child(work, NULL);
	return 0;
}
