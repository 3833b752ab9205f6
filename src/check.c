// SPDX-License-Identifier: BSD-3-Clause

#include "check.h"

#include <stdlib.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define STDERR	2

static const char *running = "osmem";

void check_enter(const char *api)
{
	running = api;
}

void check_fail(const char *what, const void *address)
{
	dprintf_(STDERR, "osmem: %s(): %s %p\n", running, what, address);
	abort();
}
