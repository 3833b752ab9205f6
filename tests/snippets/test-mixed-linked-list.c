// SPDX-License-Identifier: BSD-3-Clause
/*
 * A list whose nodes and texts are separate blocks; texts grow, every third node
 * goes away, new ones fill the holes (H2, X7, X8, Y1).
 */
#include "snippet.h"

#define NODES 24

struct node {
	struct node *next;
	void *text;
};

static struct node *list;

static void add(size_t size)
{
	struct node *node = os_malloc(sizeof(*node));

	CHECK(!!node, "no memory");
	node->text = xmalloc(size);
	node->next = list;
	list = node;
}

static void remove_after(struct node *node)
{
	struct node *gone = node->next;

	node->next = gone->next;
	xfree(gone->text);
	os_free(gone);
}

int main(void)
{
	struct node head = { NULL, NULL };

	for (size_t i = 0; i < NODES; i++)
		add(16 + 8 * (5 * i % 19));
	for (struct node *node = list; node; node = node->next)
		node->text = xrealloc(node->text, size_of(node->text) + 48);
	for (struct node *node = list; node && node->next; node = node->next)
		remove_after(node);
	for (size_t i = 0; i < NODES / 2; i++)
		add(8 + 8 * (7 * i % 15));
	for (struct node *node = list; node; node = node->next)
		verify(node->text);
	head.next = list;
	while (head.next)
		remove_after(&head);
	return 0;
}
