// SPDX-License-Identifier: BSD-3-Clause

/*
 * The primes up to 1000, on my_alloc. `make my_alloc` puts this program and the allocator
 * into one file, build/my_alloc/my_alloc.c, for which this command is all it takes:
 *
 *	gcc my_alloc.c -o my_alloc && ./my_alloc
 */

#include <stdio.h>
#include <stdlib.h>

#include "my_alloc.h"

#define MOST	1000

struct list {
	size_t count, room;
	unsigned int *numbers;
};

static void add(struct list *list, unsigned int number)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 4;
		list->numbers = reall_oc(list->numbers, list->room * sizeof(*list->numbers));
		if (!list->numbers) {
			perror("my_alloc");
			exit(EXIT_FAILURE);
		}
	}
	list->numbers[list->count++] = number;
}

/* The sieve of Eratosthenes; crossed has a zero for each number up to MOST. */
static void sieve(char *crossed, struct list *primes)
{
	for (unsigned int n = 2; n <= MOST; n++) {
		if (crossed[n])
			continue;
		add(primes, n);
		for (unsigned int multiple = n * n; multiple <= MOST; multiple += n)
			crossed[multiple] = 1;
	}
}

/* Weak, so that a program with its own main() can be compiled with this one file. */
__attribute__((weak)) int main(void)
{
	struct list primes = { .count = 0 };
	char *crossed = call_oc(MOST + 1, 1);
	char *line = my_alloc(80);

	if (!crossed || !line) {
		perror("my_alloc");
		return EXIT_FAILURE;
	}
	sieve(crossed, &primes);
	snprintf(line, 80, "%zu primes up to %d, the last is %u", primes.count, MOST,
		 primes.numbers[primes.count - 1]);
	puts(line);
	freee(line);
	freee(crossed);
	freee(primes.numbers);
	return EXIT_SUCCESS;
}
