/* SPDX-License-Identifier: BSD-3-Clause */

/* A number that differs between processes: keys of slabs and canaries are made of it. */

#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stdint.h>

/* Odd; 0 before secret_prepare(). Children of fork() have their parent's. */
extern uintptr_t secret;

/* Makes the secret if there is none yet. The lock must be held. */
void secret_make(void);

/* The same. Takes the lock if there is no secret yet. */
void secret_prepare(void);

#endif
