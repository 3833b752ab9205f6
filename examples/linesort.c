// SPDX-License-Identifier: BSD-3-Clause
/*
 * linesort [-u] [FILE...] - sort lines by their bytes, as "LC_ALL=C sort" does; -u drops repeats.
 *
 * Without FILE, or for "-", standard input is read. Every line is a buffer that starts with 16
 * bytes, doubles as bytes arrive and is cut to fit; the array of lines doubles too, becomes a
 * mapping when it is large and may come back to the heap when repeats are gone. So os_realloc
 * grows in place, absorbs neighbours, moves, shrinks, and crosses the threshold both ways.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "osmem.h"
#include "printf.h"

#define FLUSH_AT	16384

struct lines {
	struct buffer *line;
	size_t nr;
	size_t room;
};

static int complain(const char *what)
{
	dprintf(STDERR_FILENO, "linesort: %s: %s\n", what, strerror(errno));
	return -1;
}

static int lines_resize(struct lines *lines, size_t room)
{
	struct buffer *line = os_realloc(lines->line, room * sizeof(*line));

	if (!line)
		return -1;
	lines->line = line;
	lines->room = room;
	return 0;
}

/* Takes over the memory of @line, shrunk to fit. */
static int lines_add(struct lines *lines, struct buffer *line)
{
	if (lines->nr == lines->room && lines_resize(lines, lines->room ? lines->room * 2 : 16))
		return -1;
	if (buffer_fit(line))
		return -1;
	lines->line[lines->nr++] = *line;
	memset(line, 0, sizeof(*line));
	return 0;
}

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->nr; i++)
		buffer_free(&lines->line[i]);
	os_free(lines->line);
}

/* Reads byte by byte, so that lines grow as in a program that does not know their length. */
static int split_chunk(struct lines *lines, struct buffer *line, const struct buffer *chunk)
{
	for (size_t i = 0; i < chunk->len; i++) {
		if (buffer_append(line, &chunk->data[i], 1))
			return -1;
		if (chunk->data[i] == '\n' && lines_add(lines, line))
			return -1;
	}
	return 0;
}

/* A last line without its newline gets one, as in sort(1). */
static int read_lines(struct lines *lines, struct buffer *line, struct buffer *chunk, int fd)
{
	int more;

	do {
		chunk->len = 0;
		more = buffer_fill(chunk, fd);
		if (more < 0 || split_chunk(lines, line, chunk))
			return -1;
	} while (more);
	if (!line->len)
		return 0;
	return buffer_append(line, "\n", 1) || lines_add(lines, line) ? -1 : 0;
}

static int read_fd(struct lines *lines, int fd, const char *name)
{
	struct buffer line = { 0 }, chunk = { 0 };
	int rc = read_lines(lines, &line, &chunk, fd);

	if (rc)
		complain(name);
	buffer_free(&line);
	buffer_free(&chunk);
	return rc;
}

static int read_file(struct lines *lines, const char *name)
{
	int fd, rc;

	if (!strcmp(name, "-"))
		return read_fd(lines, STDIN_FILENO, "standard input");
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain(name);
	rc = read_fd(lines, fd, name);
	close(fd);
	return rc;
}

static int read_files(struct lines *lines, char **names)
{
	if (!*names)
		return read_file(lines, "-");
	for (; *names; names++)
		if (read_file(lines, *names))
			return -1;
	return 0;
}

/* The newlines at the ends are not compared: a line sorts before every longer one. */
static int compare(const struct buffer *a, const struct buffer *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->data, b->data, len - 1);

	if (order)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

static void merge(struct buffer *to, const struct buffer *from, size_t left, size_t nr)
{
	size_t i = 0, j = left;

	for (size_t k = 0; k < nr; k++)
		if (j == nr || (i < left && compare(&from[i], &from[j]) <= 0))
			to[k] = from[i++];
		else
			to[k] = from[j++];
}

/* Merge sort, bottom up, between the array and another one of the same size. */
static int lines_sort(struct lines *lines)
{
	struct buffer *from = lines->line, *to, *swap;
	size_t nr = lines->nr, left, both;

	if (nr < 2)
		return 0;
	to = os_malloc(nr * sizeof(*to));
	if (!to)
		return complain("cannot sort");
	for (size_t run = 1; run < nr; run *= 2) {
		for (size_t i = 0; i < nr; i += both) {
			left = run < nr - i ? run : nr - i;
			both = run < nr - i - left ? left + run : nr - i;
			merge(to + i, from + i, left, both);
		}
		swap = from;
		from = to;
		to = swap;
	}
	lines->line = from;
	os_free(to);
	return 0;
}

static int lines_fit(struct lines *lines)
{
	if (lines->nr && lines_resize(lines, lines->nr))
		return complain("cannot shrink");
	return 0;
}

/* Keep the first of equal lines, which are adjacent by now. */
static void lines_drop_repeats(struct lines *lines)
{
	size_t kept = 0;

	for (size_t i = 0; i < lines->nr; i++)
		if (kept && !compare(&lines->line[kept - 1], &lines->line[i]))
			buffer_free(&lines->line[i]);
		else
			lines->line[kept++] = lines->line[i];
	lines->nr = kept;
}

static int lines_write(const struct lines *lines)
{
	struct buffer out = { 0 };
	int rc = 0;

	for (size_t i = 0; i < lines->nr && !rc; i++) {
		rc = buffer_append(&out, lines->line[i].data, lines->line[i].len);
		if (!rc && out.len >= FLUSH_AT)
			rc = buffer_flush(&out, STDOUT_FILENO);
	}
	if (!rc)
		rc = buffer_flush(&out, STDOUT_FILENO);
	if (rc)
		complain("cannot write the result");
	buffer_free(&out);
	return rc;
}

static int sort_files(struct lines *lines, char **names, int unique)
{
	if (read_files(lines, names) || lines_sort(lines))
		return -1;
	if (unique)
		lines_drop_repeats(lines);
	if (lines_fit(lines))
		return -1;
	return lines_write(lines);
}

int main(int argc, char **argv)
{
	struct lines lines = { 0 };
	int opt, rc, unique = 0;

	opterr = 0;
	while ((opt = getopt(argc, argv, "u")) != -1) {
		if (opt != 'u') {
			dprintf(STDERR_FILENO, "usage: linesort [-u] [FILE...]\n");
			return 2;
		}
		unique = 1;
	}
	rc = sort_files(&lines, argv + optind, unique);
	lines_free(&lines);
	return rc ? 1 : 0;
}
