// SPDX-License-Identifier: BSD-3-Clause

/*
 * A wrapper of osmalloc: the names of my_alloc.h for malloc, free, calloc and realloc. It has no
 * state and no policy.
 */

#include "my_alloc.h"

#include "osmalloc.h"
#include "sizeclass.h"

_Static_assert(GRAIN % ALIGNMENT == 0, "slots have the alignment that my_alloc.h promises");
_Static_assert(CLASSES >= 64, "my_alloc.h lets a program require 64 classes");

OSMALLOC_API void *my_alloc(size_t size)
{
	return malloc(size);
}

OSMALLOC_API void freee(void *ptr)
{
	free(ptr);
}

OSMALLOC_API void *call_oc(size_t nelem, size_t elsize)
{
	return calloc(nelem, elsize);
}

OSMALLOC_API void *reall_oc(void *ptr, size_t size)
{
	return realloc(ptr, size);
}
