// SPDX-License-Identifier: BSD-3-Clause

/*
 * The library defines the whole family: a block must never be allocated by one
 * allocator and freed by another. This includes functions that headers of glibc
 * 2.36 do not declare: cfree() (removed), free_sized() and free_aligned_sized()
 * (new in C23), and mallinfo(), which is deprecated.
 *
 * The C library's own malloc fails this test, because it lacks these functions.
 */

#include "family.h"

static const char *const names[] = {
	"malloc", "calloc", "realloc", "free", "reallocarray", "aligned_alloc", "posix_memalign",
	"memalign", "valloc", "pvalloc", "cfree", "free_sized", "free_aligned_sized",
	"malloc_usable_size", "mallinfo", "mallinfo2", "malloc_info", "malloc_stats", "malloc_trim",
	"mallopt",
};

static void (*free_by_c)(void *ptr);
static void (*sized_free)(void *ptr, size_t size);
static void (*aligned_sized_free)(void *ptr, size_t alignment, size_t size);

static void none_is_missing(void)
{
	void *libc = c_library();

	if (!libc)
		skip("a static program cannot look names up");
	for (size_t i = 0; i < LENGTH(names); i++) {
		void *found = dlsym(RTLD_DEFAULT, names[i]);

		if (!found || (found == dlsym(libc, names[i]) && !on_glibc())) {
			dprintf(STDERR_FILENO, "%s() is %s\n", names[i],
				found ? "the C library's own" : "nowhere");
			_exit(1);
		}
	}
}

static void by_cfree(void *ptr, size_t size)
{
	CHECK_FOR(ptr, size);
	free_by_c(ptr);
}

static void by_free_sized(void *ptr, size_t size)
{
	sized_free(ptr, size);
}

/* Frees ptr by free(), and a block of its own from aligned_alloc() by the function. */
static void by_free_aligned_sized(void *ptr, size_t size)
{
	void *aligned = aligned_alloc(256, size);

	CHECK_FOR(aligned, size);
	free(ptr);
	aligned_sized_free(aligned, 256, size);
}

static void nothing_to_free(void)
{
	errno = UNTOUCHED;
	free_by_c(NULL);
	sized_free(NULL, 0);
	sized_free(NULL, 100);
	aligned_sized_free(NULL, 64, 100);
	sized_free(malloc(0), 0);
	sized_free(calloc(10, 10), 100);
	sized_free(realloc(NULL, 500000), 500000);
	aligned_sized_free(aligned_alloc(MIB, 5), MIB, 5);
	CHECK(errno == UNTOUCHED);
}

/* glibc's numbers wrap around at INT_MAX, so this only checks that they are filled in. */
static void old_mallinfo(void)
{
	struct mallinfo (*ask)(void);
	void *block = malloc(100000);

	find("mallinfo", &ask);
	CHECK(block);
	CHECK(ask().uordblks >= 100000);
	free(block);
}

int main(void)
{
	watchdog();
	none_is_missing();
	find("cfree", &free_by_c);
	find("free_sized", &sized_free);
	find("free_aligned_sized", &aligned_sized_free);
	nothing_to_free();
	old_mallinfo();
	check_releases(by_cfree);
	check_releases(by_free_sized);
	check_releases(by_free_aligned_sized);
	return 0;
}
