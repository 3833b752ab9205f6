// SPDX-License-Identifier: BSD-3-Clause

/*
 * The driver without a fuzzing compiler. AFL++ uses this main() too, with the input
 * on stdin or as the only file. In all other cases each input has a process of its
 * own, so that it starts with a fresh allocator.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE		((size_t)1 << 20)	/* the longest input */
#define OPERATION	sizeof(struct operation)
#define TRIES		1500		/* to make an input shorter */
#define FOUND		1
#define USAGE		2

struct input {
	size_t size;
	uint8_t data[SIZE];
};

/* Counters of the children. */
static struct totals {
	unsigned long operations;
	unsigned long calls;		/* system calls of the last input */
	unsigned long refusals;
} *totals;

static unsigned long inputs, runs;
static const char *program;
static const char *place = ".";		/* where findings are written to */
static unsigned int seconds_most = 60;	/* for one input */
static bool keeps_length;		/* findings are not shortened */

_Noreturn static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "fuzz: %s: %s: %s\n", name, what, strerror(errno));
	exit(USAGE);
}

/* Running an input */

static void count(void)
{
	totals->operations += operations;
	totals->calls = system_calls;
	totals->refusals += refusals;
}

/* Runs the input with how_many system calls refused; returns the child's status. */
static int run(const struct input *input, unsigned long first, unsigned long how_many, bool quiet)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		give_up("cannot fork", program);
	if (child == 0) {
		alarm(seconds_most);
		if (quiet)
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		if (how_many)
			refuse(first, how_many);
		input_run(input->data, input->size);
		count();
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		;
	runs++;
	return status;
}

/* Findings */

/* Removes operations while the rest still fails. */
static void shorten(struct input *input, unsigned long first, unsigned long how_many)
{
	static struct input part;
	unsigned int tries = 0;

	for (size_t length = input->size / OPERATION / 2; length; length /= 2)
		for (size_t at = 1; at + length * OPERATION <= input->size && tries < TRIES;) {
			size_t end = at + length * OPERATION;

			memcpy(part.data, input->data, at);
			memcpy(part.data + at, input->data + end, input->size - end);
			part.size = at + input->size - end;
			tries++;
			if (run(&part, first, how_many, true))
				*input = part;
			else
				at = end;
		}
}

/* Saves the input and prints how to run it again. */
static void report(struct input *input, int status, unsigned long first, unsigned long how_many)
{
	char path[4096], options[60] = "";
	FILE *file;

	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT)
		fprintf(stderr, "fuzz: killed by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	if (!keeps_length) {
		shorten(input, first, how_many);
		run(input, first, how_many, false);
	}
	snprintf(path, sizeof(path), "%s/finding-%d", place, (int)getpid());
	file = fopen(path, "wb");
	if (!file || fwrite(input->data, 1, input->size, file) != input->size || fclose(file))
		give_up("cannot write", path);
	if (fixed_refusals)
		snprintf(options, sizeof(options), " --refuse=%lu,%lu", first, how_many);
	fprintf(stderr, "fuzz: %zu operations in %s; again: %s -v%s %s\n",
		input->size / OPERATION, path, program, options, path);
	exit(FOUND);
}

static void check(struct input *input)
{
	unsigned long calls;
	int status = run(input, 0, 0, false);

	inputs++;
	if (status)
		report(input, status, 0, 0);
	calls = totals->calls;
	for (unsigned long first = 0; fixed_refusals && first < calls; first++)
		for (unsigned long how_many = 1; how_many <= 3; how_many += 2) {
			status = run(input, first, how_many, false);
			if (status)
				report(input, status, first, how_many);
		}
}

/* Inputs */

static void load(struct input *input, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;

	if (!file)
		give_up("cannot read", path);
	input->size = fread(input->data, 1, SIZE, file);
	if (ferror(file))
		give_up("cannot read", path);
	fclose(file);
}

/* Steele, Lea, Flood: SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Some inputs have only few kinds of operations, or few sizes, which then occur often. */
static void make(struct input *input, uint64_t seed, uint64_t number)
{
	static const uint8_t rare[] = { END_THREAD, FORK, MISUSE, REFUSE, TRIM };
	uint64_t state = seed * 0x2545f4914f6cdd1d + number;
	size_t most = fixed_refusals ? 16 : number % 16 ? 120 : 1200;
	size_t count = 8 + next_random(&state) % most;
	uint64_t kinds = next_random(&state) | next_random(&state) | 1 << MALLOC | 1 << FREE;
	uint16_t amounts = (uint16_t)next_random(&state);
	unsigned int spread = next_random(&state) % 4;

	input->size = 1 + count * OPERATION;
	input->data[0] = (uint8_t)number;
	for (size_t i = 0; i < count; i++) {
		uint64_t bits = next_random(&state), more = next_random(&state);
		struct operation operation = {
			.code = (uint8_t)(bits % REFUSE), .thread = (uint8_t)(bits >> 16),
			.which = (uint16_t)(bits >> 32), .amount = (uint16_t)more,
			.extra = (uint16_t)(more >> 16),
		};

		if (more >> 32 & 15)
			operation.code = kinds >> operation.code & 1 ? operation.code : FREE;
		else
			operation.code = rare[(more >> 40) % sizeof(rare)];
		if (spread < 2)
			operation.amount = (uint16_t)(amounts + (operation.amount & 0x1f));
		if (spread % 2)
			operation.thread = 0;
		memcpy(input->data + 1 + i * OPERATION, &operation, OPERATION);
	}
}

/* The command line */

struct options {
	uint64_t seed;
	double seconds;
	unsigned long inputs;
	bool every;		/* refuse each system call in turn */
	unsigned long first, how_many;
};

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "seconds", required_argument, NULL, 't' },
	{ "inputs", required_argument, NULL, 'n' },
	{ "refuse-each", no_argument, NULL, 'e' },
	{ "refuse", required_argument, NULL, 'r' },
	{ "out", required_argument, NULL, 'o' },
	{ "limit", required_argument, NULL, 'l' },
	{ "whole", no_argument, NULL, 'w' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

_Noreturn static void usage(void)
{
	fprintf(stderr, "usage: %s [-v] [--refuse=FIRST,COUNT] [FILE]\n"
		"       %s [--refuse-each] [--out DIR] FILE FILE...\n"
		"       %s [--refuse-each] [--out DIR] --seed N (--seconds S | --inputs N)\n"
		"One FILE, or none for stdin, runs in this very process.\n"
		"--limit SECONDS for one input; --whole: findings are not made shorter\n",
		program, program, program);
	exit(USAGE);
}

static struct options read_options(int argc, char **argv)
{
	struct options options = { .inputs = 0 };
	int letter;

	while ((letter = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		if (letter == 's')
			options.seed = strtoull(optarg, NULL, 0);
		else if (letter == 't')
			options.seconds = strtod(optarg, NULL);
		else if (letter == 'n')
			options.inputs = strtoul(optarg, NULL, 0);
		else if (letter == 'e')
			options.every = true;
		else if (letter == 'o')
			place = optarg;
		else if (letter == 'l')
			seconds_most = (unsigned int)strtoul(optarg, NULL, 0);
		else if (letter == 'w')
			keeps_length = true;
		else if (letter == 'v')
			verbose = true;
		else if (letter != 'r' || sscanf(optarg, "%lu,%lu", &options.first,
						 &options.how_many) != 2)
			usage();
	}
	return options;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_here(struct input *input, const struct options *options, const char *path)
{
	load(input, path);
	fixed_refusals = options->how_many;
	if (options->how_many)
		refuse(options->first, options->how_many);
	input_run(input->data, input->size);
}

/* Uses the same addresses each time where that is allowed, so that failures repeat. */
static void settle(char **argv)
{
	int persona = personality(0xffffffff);

	if (persona == -1 || persona & ADDR_NO_RANDOMIZE)
		return;
	if (personality((unsigned long)(persona | ADDR_NO_RANDOMIZE)) != -1)
		execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	static struct input input;
	struct options options;
	double begin = now();

	settle(argv);
	program = argv[0];
	options = read_options(argc, argv);
	totals = shared_memory(sizeof(*totals));
	if (!options.inputs && options.seconds <= 0 && argc - optind < 2 && !options.every) {
		run_here(&input, &options, optind < argc ? argv[optind] : "-");
		return 0;
	}
	fixed_refusals = options.every;
	for (int i = optind; i < argc; i++) {
		load(&input, argv[i]);
		check(&input);
	}
	for (uint64_t i = 0; i < options.inputs || now() - begin < options.seconds; i++) {
		make(&input, options.seed, i);
		check(&input);
	}
	printf("no finding: %lu inputs, %lu runs, %lu operations, %lu refused system calls\n",
	       inputs, runs, totals->operations, totals->refusals);
	return 0;
}
