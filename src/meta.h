/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for the production allocator's own descriptors: never given back, zeroed, 64-aligned. */

#ifndef META_H
#define META_H

#include <stddef.h>

/* size bytes; NULL and ENOMEM. Wants the lock of lock.h. */
void *meta_alloc(size_t size);

/* Begins anew and leaves all memory as they are: for the child of a fork (central.h). */
void meta_abandon(void);

#endif
