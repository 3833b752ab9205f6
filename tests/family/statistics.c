// SPDX-License-Identifier: BSD-3-Clause

/*
 * Statistics and settings: mallinfo2(), malloc_info(), malloc_stats(),
 * malloc_trim(), mallopt(). The numbers follow the allocations, the XML is
 * well-formed, and no call does harm.
 */

#include "family.h"

#include <pthread.h>
#include <stdatomic.h>

static void use_all_sizes(void)
{
	static void *blocks[400];
	uint64_t state = 88172645463325252;

	for (size_t i = 0; i < LENGTH(blocks); i++) {
		size_t size = random_size(&state);

		blocks[i] = i % 4 ? malloc(size) : calloc(1, size);
		CHECK_FOR(blocks[i], size);
		CHECK_FOR(i % 4 || all_zero(blocks[i], size), size);
		fill(blocks[i], malloc_usable_size(blocks[i]), i);
	}
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		CHECK_FOR(holds(blocks[i], malloc_usable_size(blocks[i]), i), i);
		free(blocks[i]);
	}
	free(malloc(10 * MIB));
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

static void one_block(size_t size)
{
	size_t before = in_use();
	void *block = malloc(size);
	size_t with = in_use();

	CHECK_FOR(block, size);
	CHECK_FOR(with >= before + size, size);
	free(block);
	CHECK_FOR(in_use() <= with - size, size);
}

static void many_blocks(size_t size, size_t count)
{
	static void *blocks[20000];
	size_t before = in_use();
	size_t with;

	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		CHECK_FOR(blocks[i], size);
	}
	with = in_use();
	CHECK_FOR(with >= before + count * size, size);
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
	/* Some may be cached. */
	CHECK_FOR(in_use() <= with - count * size * 9 / 10, size);
}

static void numbers(void)
{
	one_block(20000);
	one_block(50000);
	one_block(100000);
	/* glibc counts blocks that are mappings in hblkhd, not in uordblks. */
	for (size_t size = 200000; size < 50 * MIB && !on_glibc(); size *= 3)
		one_block(size);
	many_blocks(100, 20000);
	many_blocks(1000, 20000);
	many_blocks(10000, 1000);
}

/* A minimal reader of XML: elements must be nested, attributes quoted. */
#define DEPTH	64
#define NAME	64

static size_t name_length(const char *at)
{
	return strcspn(at, " \t\n/>");
}

/* The end of a tag, read from behind its name; NULL if an attribute is not name="value". */
static const char *skip_attributes(const char *at)
{
	while (*(at += strspn(at, " \t\n")) && *at != '>' && *at != '/') {
		at += strcspn(at, "= \t\n<>\"");
		if (at[0] != '=' || at[1] != '"')
			return NULL;
		at += 2;
		at += strcspn(at, "\"<&");
		if (*at++ != '"')
			return NULL;
	}
	return at;
}

/* Reads one tag; NULL if it does not match the open elements. */
static const char *read_tag(const char *at, char (*open)[NAME], int *depth)
{
	bool closing = at[1] == '/';
	const char *name = at + 1 + closing;
	size_t length = name_length(name);

	if (!length || length >= NAME || *depth >= DEPTH)
		return NULL;
	if (closing) {
		if (!*depth || strncmp(open[--*depth], name, length) || open[*depth][length])
			return NULL;
		return name[length] == '>' ? name + length + 1 : NULL;
	}
	snprintf(open[(*depth)++], NAME, "%.*s", (int)length, name);
	at = skip_attributes(name + length);
	if (at && *at == '/') {
		(*depth)--;
		at++;
	}
	return at && *at == '>' ? at + 1 : NULL;
}

static bool well_formed(const char *at)
{
	static char open[DEPTH][NAME];
	int depth = 0;

	do {
		at = *at == '<' ? read_tag(at, open, &depth) : NULL;
		if (!at)
			return false;
		at += strcspn(at, depth ? "<&>" : "<&>abcdefghijklmnopqrstuvwxyz");
	} while (depth && *at);
	return !depth && at[strspn(at, "\n")] == '\0';
}

/* The reader rejects what is wrong. */
static void reader(void)
{
	CHECK(well_formed("<a x=\"1\">\n<b/>text<c y=\"2\" z=\"\"/></a>\n"));
	CHECK(!well_formed("<a><b></a></b>"));
	CHECK(!well_formed("<a><b></a>"));
	CHECK(!well_formed("<a x=1></a>"));
	CHECK(!well_formed("<a></a><b></b>"));
	CHECK(!well_formed("<a>1 < 2</a>"));
	CHECK(!well_formed("<a></a> and more"));
	CHECK(!well_formed("text"));
	CHECK(!well_formed(""));
}

static const char *info(void)
{
	static char text[MIB];
	FILE *file = tmpfile();

	CHECK(file);
	CHECK(malloc_info(0, file) == 0);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	CHECK(fclose(file) == 0);
	return text;
}

static void xml(void)
{
	static const int wrong[] = { -1, 1, 2, 0x7fffffff };
	char *text;
	size_t length;
	FILE *memory = open_memstream(&text, &length);

	CHECK(strncmp(info(), "<malloc", 7) == 0);
	CHECK(well_formed(info()));
	/* A stream that allocates while it is written to. */
	CHECK(memory && malloc_info(0, memory) == 0 && fclose(memory) == 0);
	CHECK(length > 7 && well_formed(text));
	free(text);
	for (size_t i = 0; i < LENGTH(wrong); i++)
		CHECK_FOR(malloc_info(wrong[i], stdout) == EINVAL, i);
}

/* A number that malloc_stats() prints, of the lines that glibc prints as well. */
static size_t stats_number(const char *text, const char *name)
{
	const char *line = strstr(text, "Total (incl. mmap):\n");

	line = line ? strstr(line, name) : NULL;
	CHECK(line && strchr(line, '='));
	return strtoul(strchr(line, '=') + 1, NULL, 10);
}

static void stats(void)
{
	const size_t size = 40 * MIB;
	static char text[MIB];
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	ssize_t length;

	CHECK(saved >= 0 && file);
	CHECK(dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
	free(hide(malloc(size)));
	malloc_stats();
	fflush(stderr);
	CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	close(saved);
	length = pread(fileno(file), text, sizeof(text), 0);
	CHECK(length > 0 && text[length - 1] == '\n');
	fclose(file);
	CHECK(stats_number(text, "in use bytes") > 0);
	CHECK(stats_number(text, "in use bytes") <= stats_number(text, "system bytes"));
	CHECK(stats_number(text, "max mmap bytes") >= size);
	CHECK(stats_number(text, "max mmap regions") > 0);
}

/* malloc_stats() is no cancellation point: a thread with a pending request runs through it. */
static void *cancelled(void *past)
{
	CHECK(pthread_cancel(pthread_self()) == 0);
	malloc_stats();
	*(bool *)past = true;
	pthread_testcancel();
	return NULL;
}

static void stats_when_cancelled(void)
{
	int saved = dup(STDERR_FILENO);
	int nowhere = open("/dev/null", O_WRONLY);
	bool past = false;
	pthread_t thread;
	void *answer;

	CHECK(saved >= 0 && dup2(nowhere, STDERR_FILENO) == STDERR_FILENO);
	CHECK(pthread_create(&thread, NULL, cancelled, &past) == 0);
	CHECK(pthread_join(thread, &answer) == 0);
	CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	CHECK(past && answer == PTHREAD_CANCELED);
	close(nowhere);
	close(saved);
}

static void trim(void)
{
	void *kept = malloc(5000);
	int answer;

	fill(kept, 5000, 1);
	for (size_t pad = 0; pad < 100 * MIB; pad = pad * 10 + 1000) {
		use_all_sizes();
		answer = malloc_trim(pad);
		CHECK_FOR(answer == 0 || answer == 1, pad);
		CHECK_FOR(holds(kept, 5000, 1), pad);
	}
	answer = malloc_trim(SIZE_MAX);
	CHECK(answer == 0 || answer == 1);
	use_all_sizes();
	free(kept);
}

/* The parameters of the manual page and an unknown one; values up to a 0, also out of range. */
static void options(void *values)
{
	static const int known[] = {
		M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_CHECK_ACTION,
		M_PERTURB, M_ARENA_TEST, M_ARENA_MAX, 4711,
	};

	for (size_t i = 0; i < LENGTH(known); i++)
		for (const int *value = values; ; value++) {
			int answer = mallopt(known[i], *value);

			CHECK_FOR(answer == 0 || answer == 1, i);
			use_all_sizes();
			if (!*value)
				break;
		}
}

/* All calls again while another thread allocates. */
static atomic_bool stop;

static void *keep_busy(void *arg)
{
	while (!atomic_load(&stop))
		use_all_sizes();
	return arg;
}

static void meanwhile(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, keep_busy, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		CHECK(well_formed(info()));
		CHECK(in_use() < GIB);
		malloc_trim(0);
	}
	stats();
	atomic_store(&stop, true);
	CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
	static int values[] = { -1, 0x7fffffff, 100, 65536, 1, 0 };

	watchdog();
	reader();
	numbers();
	xml();
	stats();
	stats_when_cancelled();
	trim();
	meanwhile();
	in_child(options, values);
	return 0;
}
