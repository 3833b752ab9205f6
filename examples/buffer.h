/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A growing buffer of bytes, on os_realloc.
 *
 * A buffer of all zeros is empty and owns nothing. The caller releases its memory with
 * buffer_free(). Functions that can fail return -1 with errno set and leave the buffer as it was.
 */
#ifndef EXAMPLES_BUFFER_H
#define EXAMPLES_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data;
	size_t len;	/* bytes in use */
	size_t room;	/* bytes allocated */
};

int buffer_reserve(struct buffer *buf, size_t extra);
int buffer_append(struct buffer *buf, const char *data, size_t len);
int buffer_fit(struct buffer *buf);
void buffer_free(struct buffer *buf);

int buffer_fill(struct buffer *buf, int fd);
int buffer_flush(struct buffer *buf, int fd);

#endif
