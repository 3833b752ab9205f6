// SPDX-License-Identifier: BSD-3-Clause

#include "check.h"

#include <stdlib.h>

#define OSMEM_PRINTF_NO_MACROS
#include "printf.h"

#define STDERR	2

const char *check_api = "osmem";

void check_report(const char *product, const char *api, const char *what, const void *address)
{
	dprintf_(STDERR, "%s: %s(): %s %p\n", product, api, what, address);
	abort();
}

void check_fail(const char *what, const void *address)
{
	check_report("osmem", check_api, what, address);
}
