// SPDX-License-Identifier: BSD-3-Clause

#include "run.h"

struct header *run_last(struct header *first)
{
	struct header *last;

	if (!run_has_members(first))
		return first;
	block_verify(first);
	last = link_block(member_of(run_second(first))->last);
	block_verify(last);
	if (unlikely(member_of(last)->first != link_to(first)))
		check_fail("overwritten header", block_payload(run_second(first)));
	return last;
}

struct header *run_first(struct header *last)
{
	struct header *first;

	if (!(last->checksum & FLAG_INNER))
		return last;
	block_verify(last);
	first = link_block(member_of(last)->first);
	if (unlikely(!run_has_members(first) || run_last(first) != last))
		check_fail("overwritten header", block_payload(last));
	return first;
}
