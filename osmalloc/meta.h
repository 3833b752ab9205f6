/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for osmalloc's own descriptors: zeroed, 64-aligned, never freed. */

#ifndef META_H
#define META_H

#include <stddef.h>

/* Returns size bytes; NULL with ENOMEM. The lock must be held. */
void *meta_alloc(size_t size);

#endif
