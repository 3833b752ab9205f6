// SPDX-License-Identifier: BSD-3-Clause

#include "check.h"

#include <stdlib.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define STDERR	2

const char *check_api = "osmem";

void check_fail(const char *what, const void *address)
{
	dprintf_(STDERR, "osmem: %s(): %s %p\n", check_api, what, address);
	abort();
}
