/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for the production allocator's own descriptors: never given back, zeroed, 64-aligned. */

#ifndef META_H
#define META_H

#include <stddef.h>

/* Returns size bytes; NULL and ENOMEM. The caller holds the lock of lock.h. */
void *meta_alloc(size_t size);

#endif
