// SPDX-License-Identifier: BSD-3-Clause
#include "buffer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "osmem.h"

#define ROOM_FIRST	16
#define READ_AHEAD	4096

/* Doubling: n bytes appended one by one are moved fewer than 2n times. */
static size_t room_for(size_t len, size_t room)
{
	if (room < ROOM_FIRST)
		room = ROOM_FIRST;
	while (room < len)
		room = room > SIZE_MAX / 2 ? len : room * 2;
	return room;
}

static int buffer_resize(struct buffer *buf, size_t room)
{
	char *data = os_realloc(buf->data, room);

	if (!data)
		return -1;
	buf->data = data;
	buf->room = room;
	return 0;
}

/* Make sure that @extra more bytes fit. */
int buffer_reserve(struct buffer *buf, size_t extra)
{
	if (extra <= buf->room - buf->len)
		return 0;
	if (extra > SIZE_MAX - buf->len) {
		errno = ENOMEM;
		return -1;
	}
	return buffer_resize(buf, room_for(buf->len + extra, buf->room));
}

int buffer_append(struct buffer *buf, const char *data, size_t len)
{
	if (!len)
		return 0;
	if (buffer_reserve(buf, len))
		return -1;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	return 0;
}

/* Release the memory that is not in use. */
int buffer_fit(struct buffer *buf)
{
	if (!buf->len) {
		buffer_free(buf);
		return 0;
	}
	return buf->len == buf->room ? 0 : buffer_resize(buf, buf->len);
}

void buffer_free(struct buffer *buf)
{
	os_free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

/* Append the bytes of one read(2): 1 if there may be more, 0 at the end of the file. */
int buffer_fill(struct buffer *buf, int fd)
{
	ssize_t got;

	if (buffer_reserve(buf, READ_AHEAD))
		return -1;
	do {
		got = read(fd, buf->data + buf->len, buf->room - buf->len);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	buf->len += (size_t)got;
	return got > 0;
}

/* Write all of it; the room stays. */
int buffer_flush(struct buffer *buf, int fd)
{
	size_t done = 0;
	ssize_t put;

	while (done < buf->len) {
		put = write(fd, buf->data + done, buf->len - done);
		if (put < 0 && errno != EINTR)
			return -1;
		if (put > 0)
			done += (size_t)put;
	}
	buf->len = 0;
	return 0;
}
