// SPDX-License-Identifier: BSD-3-Clause
/*
 * wordfreq [-n N] [FILE...] - count the words of some text and print the N most frequent ones.
 *
 * A word is a run of ASCII letters, apostrophes between letters included; case does not matter.
 * Without FILE, or for "-", standard input is read. All memory comes from os_*: the text in a
 * buffer that os_realloc grows, each word in an os_malloc block, the hash table from os_calloc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "osmem.h"
#include "printf.h"

#define SLOTS_FIRST	64
#define TOP_DEFAULT	10

struct word {
	unsigned long count;
	size_t len;
	char text[];
};

/* Open addressing: a word sits in the first free slot from its hash on. At most half full. */
struct table {
	struct word **slots;
	size_t nr_slots;	/* a power of two, or 0 */
	size_t nr_words;
	unsigned long total;	/* words seen, repetitions included */
};

static int complain(const char *what)
{
	dprintf(STDERR_FILENO, "wordfreq: %s: %s\n", what, strerror(errno));
	return -1;
}

/* FNV-1a */
static size_t hash(const char *text, size_t len)
{
	unsigned long h = 0xcbf29ce484222325UL;

	while (len--)
		h = (h ^ (unsigned char)*text++) * 0x100000001b3UL;
	return h;
}

static struct word **slot_of(const struct table *table, const char *text, size_t len)
{
	size_t i = hash(text, len) & (table->nr_slots - 1);
	struct word *word;

	while ((word = table->slots[i])) {
		if (word->len == len && !memcmp(word->text, text, len))
			break;
		i = (i + 1) & (table->nr_slots - 1);
	}
	return &table->slots[i];
}

static int table_grow(struct table *table)
{
	struct table old = *table;
	struct word *word;

	table->nr_slots = old.nr_slots ? old.nr_slots * 2 : SLOTS_FIRST;
	table->slots = os_calloc(table->nr_slots, sizeof(*table->slots));
	if (!table->slots) {
		*table = old;
		return -1;
	}
	for (size_t i = 0; i < old.nr_slots; i++) {
		word = old.slots[i];
		if (word)
			*slot_of(table, word->text, word->len) = word;
	}
	os_free(old.slots);
	return 0;
}

static struct word *word_new(const char *text, size_t len)
{
	struct word *word = os_malloc(sizeof(*word) + len + 1);

	if (!word)
		return NULL;
	word->count = 0;
	word->len = len;
	memcpy(word->text, text, len);
	word->text[len] = '\0';
	return word;
}

static int count_word(struct table *table, const char *text, size_t len)
{
	struct word **slot;

	if (table->nr_words >= table->nr_slots / 2 && table_grow(table))
		return -1;
	slot = slot_of(table, text, len);
	if (!*slot) {
		*slot = word_new(text, len);
		if (!*slot)
			return -1;
		table->nr_words++;
	}
	(*slot)->count++;
	table->total++;
	return 0;
}

static int is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static void make_lower(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + 'a' - 'A');
}

/* The length of the word at the start of text, 0 if there is none. */
static size_t word_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len) {
		if (is_letter(text[n]))
			n++;
		else if (n && text[n] == '\'' && n + 1 < len && is_letter(text[n + 1]))
			n += 2;
		else
			break;
	}
	return n;
}

static int count_text(struct table *table, const char *text, size_t len)
{
	size_t n;

	while (len) {
		n = word_length(text, len);
		if (n && count_word(table, text, n))
			return -1;
		if (!n)
			n = 1;
		text += n;
		len -= n;
	}
	return 0;
}

static int count_fd(struct table *table, struct buffer *text, int fd, const char *name)
{
	int more;

	text->len = 0;
	do {
		more = buffer_fill(text, fd);
	} while (more > 0);
	if (more < 0)
		return complain(name);
	make_lower(text->data, text->len);
	if (count_text(table, text->data, text->len))
		return complain(name);
	return 0;
}

static int count_file(struct table *table, struct buffer *text, const char *name)
{
	int fd, rc;

	if (!strcmp(name, "-"))
		return count_fd(table, text, STDIN_FILENO, "standard input");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain(name);
	rc = count_fd(table, text, fd, name);
	close(fd);
	return rc;
}

/* More frequent words first, equally frequent ones in alphabetical order. */
static int comes_before(const struct word *a, const struct word *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	return strcmp(a->text, b->text) < 0;
}

/* Shell sort, because the C library's qsort() may call malloc(). */
static void sort_words(struct word **words, size_t nr)
{
	struct word *word;
	size_t j;

	for (size_t gap = nr / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11) {
		for (size_t i = gap; i < nr; i++) {
			word = words[i];
			for (j = i; j >= gap && comes_before(word, words[j - gap]); j -= gap)
				words[j] = words[j - gap];
			words[j] = word;
		}
	}
}

/* Turns the table into a sorted list, without room for more words. */
static int table_to_list(struct table *table)
{
	struct word **list;
	size_t nr = 0;

	if (!table->nr_words)
		return 0;
	for (size_t i = 0; i < table->nr_slots; i++)
		if (table->slots[i])
			table->slots[nr++] = table->slots[i];
	table->nr_slots = nr;
	list = os_realloc(table->slots, nr * sizeof(*list));
	if (!list)
		return complain("the list of words");
	table->slots = list;
	sort_words(list, nr);
	return 0;
}

static int print_top(const struct table *table, size_t top)
{
	if (printf("%lu words, %zu different\n", table->total, table->nr_words) < 0)
		return complain("cannot write the result");
	for (size_t i = 0; i < table->nr_words && i < top; i++)
		if (printf("%8lu  %s\n", table->slots[i]->count, table->slots[i]->text) < 0)
			return complain("cannot write the result");
	return 0;
}

static void table_free(struct table *table)
{
	for (size_t i = 0; i < table->nr_slots; i++)
		os_free(table->slots[i]);
	os_free(table->slots);
}

static int count_files(struct table *table, struct buffer *text, char **names)
{
	if (!*names)
		return count_file(table, text, "-");
	for (; *names; names++)
		if (count_file(table, text, *names))
			return -1;
	return 0;
}

static int print_usage(void)
{
	dprintf(STDERR_FILENO, "usage: wordfreq [-n N] [FILE...]\n");
	return 2;
}

/* -1 unless @text is a whole decimal number. */
static int parse_count(const char *text, size_t *count)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*count = strtoul(text, &end, 10);
	return *end || errno ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct table table = { 0 };
	struct buffer text = { 0 };
	size_t top = TOP_DEFAULT;
	int opt, rc;

	opterr = 0;
	while ((opt = getopt(argc, argv, "n:")) != -1)
		if (opt != 'n' || parse_count(optarg, &top))
			return print_usage();
	rc = count_files(&table, &text, argv + optind);
	buffer_free(&text);
	if (!rc)
		rc = table_to_list(&table);
	if (!rc)
		rc = print_top(&table, top);
	table_free(&table);
	return rc ? 1 : 0;
}
