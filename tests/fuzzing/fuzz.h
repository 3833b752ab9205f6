/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The fuzz driver: it turns bytes into calls of either allocator and compares every
 * result with a shadow of the blocks.
 *
 *	family.c	the two allocators as tables of functions
 *	wrong.c		mistakes that can be planted into the first
 *	refuse.c	the allocators' system calls: counted, and refused when told so
 *	shadow.c	live blocks, what is in them, what may be asked of a new one
 *	threads.c	threads that act for the main one, one at a time
 *	operations.c	the operations
 *	process.c	those in a child: fork, misuse
 *	input.c		input to operations, also for libFuzzer
 *	main.c		everything without a fuzzing compiler: files, seeds, refusals
 *
 * Input: the first byte chooses the allocator (even: osmalloc, odd: osmem; the hardened
 * build always uses osmalloc), and each 8 bytes after it are a struct operation. All
 * bytes are valid.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An allocator. Functions that the contract allocator lacks are NULL. */
struct family {
	const char *name;
	size_t grain;			/* every block is aligned to it */
	size_t canary;			/* bytes behind every block that no program may write */
	bool zero_is_null;		/* size 0: NULL, and no error */
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t nmemb, size_t size);
	void *(*realloc)(void *ptr, size_t size);
	void (*free)(void *ptr);
	const char *(*check)(void);	/* the audit */
	void *(*reallocarray)(void *ptr, size_t nmemb, size_t size);
	void *(*aligned_alloc)(size_t alignment, size_t size);
	void *(*memalign)(size_t alignment, size_t size);
	int (*posix_memalign)(void **memptr, size_t alignment, size_t size);
	void *(*valloc)(size_t size);
	void *(*pvalloc)(size_t size);
	void (*free_sized)(void *ptr, size_t size);
	void (*free_aligned_sized)(void *ptr, size_t alignment, size_t size);
	size_t (*usable)(void *ptr);
	int (*trim)(size_t pad);
};

extern const struct family osmalloc_family;
extern const struct family osmem_family;

/* From wrong.c: the same function, or one that makes the build's mistake. */
const struct family *with_mistake(const struct family *family_given);

/* The allocator under test. */
extern const struct family *family;

/* The names under which osmalloc is linked (build.py). */
void *family_malloc(size_t size);
void *family_calloc(size_t nmemb, size_t size);
void *family_realloc(void *ptr, size_t size);
void family_free(void *ptr);
void *family_reallocarray(void *ptr, size_t nmemb, size_t size);
void *family_aligned_alloc(size_t alignment, size_t size);
void *family_memalign(size_t alignment, size_t size);
int family_posix_memalign(void **memptr, size_t alignment, size_t size);
void *family_valloc(size_t size);
void *family_pvalloc(size_t size);
void family_free_sized(void *ptr, size_t size);
void family_free_aligned_sized(void *ptr, size_t alignment, size_t size);
size_t family_malloc_usable_size(void *ptr);
int family_malloc_trim(size_t pad);
const char *audit_check(void);

/* ---- refuse.c ---- */

/* The linker's names for the C library's functions and for ours in their place (--wrap). */
void *__real_mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *start, size_t length, int prot, int flags, int fd, off_t offset);
void *__real_mremap(void *start, size_t length, size_t wanted, int flags, void *onto);
void *__wrap_mremap(void *start, size_t length, size_t wanted, int flags, void *onto);
int __real_munmap(void *start, size_t length);
int __wrap_munmap(void *start, size_t length);
int __real_madvise(void *start, size_t length, int advice);
int __wrap_madvise(void *start, size_t length, int advice);
int __real_mprotect(void *start, size_t length, int prot);
int __wrap_mprotect(void *start, size_t length, int prot);
int __real_brk(void *end);
int __wrap_brk(void *end);
void *__real_sbrk(intptr_t bytes);
void *__wrap_sbrk(intptr_t bytes);
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

/* System calls that the allocators made so far, and how many of them were refused. */
extern unsigned long system_calls, refusals;

/* Refuses this many calls, from the first-th on, counted from now. */
void refuse(unsigned long first, unsigned long count);

/* Zeroed memory that children share, or NULL; not counted as a call of the allocators. */
void *shared_memory(size_t length);

/* ---- shadow.c ---- */

#define BLOCKS	8192

struct block {
	unsigned char *ptr;
	size_t size;		/* as asked for */
	size_t usable;
	uint64_t seed;		/* of its contents */
};

/* Says what is wrong and aborts. */
_Noreturn void complain(const char *what, const void *where);

/* The description of the running operation, for complaints. */
extern char context[200];

size_t live_count(void);
size_t live_bytes(void);
struct block *live_block(size_t number);	/* number is taken modulo their count, not 0 */
bool has_room(void);

/*
 * Adds a new block, which must be aligned, overlap no other one, and be zeroed if that
 * was promised. Fills it.
 */
void shadow_add(void *ptr, size_t size, size_t alignment, bool zero);

/* Verifies the contents of the block: at most this many bytes from the start. */
void shadow_verify(const struct block *block, size_t bytes);

/* The block has moved to ptr and has this size; contents up to the smaller size stay. */
void shadow_move(struct block *block, void *ptr, size_t size);

/* The block no longer exists. */
void shadow_remove(struct block *block);

/* Verifies all blocks. */
void shadow_verify_all(void);

/* Removes all blocks, for the next input. */
void shadow_reset(void);

/* Whether a live block contains this address. */
bool shadow_covers(const void *address);

/* ---- threads.c ---- */

#define HELPERS	3

/* Runs the work in a helper thread, which is started if there is none, and waits. */
void helper_do(unsigned int helper, void (*work)(void *arg), void *arg);

/* Ends the helper if there is one. */
void helper_end(unsigned int helper);

/* ---- operations.c ---- */

struct operation {
	uint8_t code;		/* modulo the number of kinds */
	uint8_t thread;		/* up to MAIN_MOST the main thread, else a helper */
	uint16_t which;		/* block, alignment or count */
	uint16_t amount;	/* a size, see size_of() */
	uint16_t extra;
};

#define MAIN_MOST	159

enum code {
	MALLOC, CALLOC, REALLOC, FREE, ALIGNED_ALLOC, POSIX_MEMALIGN, MEMALIGN, VALLOC, PVALLOC,
	REALLOCARRAY, USABLE, TRIM, FREE_SIZED, MANY, FREE_MANY, REFUSE, END_THREAD, FORK, MISUSE,
	CODES
};

/* A size for 16 bits: mostly small, sometimes near a power of two, large or impossible. */
size_t size_of(uint16_t amount);

/* Runs the operation, checks its results, audits. */
void operation_run(const struct operation *operation);

/* Frees all live blocks. */
void operations_end(void);

/* ---- process.c ---- */

/* Runs FORK or MISUSE in a child. */
void process_act(const struct operation *operation);

/* This pointer is about to be freed. */
void misuse_remember(void *ptr);

/* For the next input. */
void process_reset(void);

/* ---- input.c ---- */

extern bool verbose;		/* prints every operation */
extern bool fixed_refusals;	/* REFUSE does nothing: the refusals were set before */
extern unsigned long operations;	/* the number that was run */

/* Runs one input; complains and aborts if something is wrong. */
void input_run(const uint8_t *data, size_t size);

#endif
