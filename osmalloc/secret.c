// SPDX-License-Identifier: BSD-3-Clause

#include "secret.h"

#include "lock.h"
#include "os.h"

uintptr_t secret;

void secret_make(void)
{
	uint64_t random[2];

	if (likely(secret))
		return;
	os_secret(random);
	__atomic_store_n(&secret, random[1] | 1, __ATOMIC_RELEASE);
}

void secret_prepare(void)
{
	if (likely(__atomic_load_n(&secret, __ATOMIC_ACQUIRE)))
		return;
	lock_take();
	secret_make();
	lock_give();
}
