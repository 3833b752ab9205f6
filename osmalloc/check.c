// SPDX-License-Identifier: BSD-3-Clause

#include "check.h"

#include <stdlib.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define STDERR	2

void check_report(const char *api, const char *what, const void *address)
{
	dprintf_(STDERR, "osmalloc: %s(): %s %p\n", api, what, address);
	abort();
}
