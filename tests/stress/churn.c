// SPDX-License-Identifier: BSD-3-Clause

/* One thread; sometimes everything is audited. */

#include "stress.h"

int main(int argc, char **argv)
{
	static struct table table = { .state = 88172645463325252 };

	for (long left = steps_wanted(argc, argv); left > 0; left -= 100) {
		table_run(&table, 100);
		audit();
	}
	table_clear(&table);
	audit();
	return 0;
}
