// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The table of the polling sensor beside a plain array that does the same.
 *
 *   diag-table STEPS MAX    that many entries are added, found and removed by chance; answered by "added N, removed N, full N"
 *
 * The first difference ends it, with exit status 1.
 */
#include "../../../bpf/diag_table.c"

#include <stdio.h>

#define KEYS 4096

struct key {
	uint64_t id;
	uint32_t scope;
	uint32_t zero;
};
struct entry {
	struct key key;
	uint32_t value;
};

static uint32_t expected[KEYS]; /* 0: not there */
static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Neighbours, as cookies and inodes are, and the same numbers in another scope. */
static struct key key_of(uint32_t number)
{
	return (struct key){.id = 1000 + number / 2 * 64, .scope = number % 2};
}

static void check(const struct diag_table *table, uint32_t count)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		struct key key = key_of(i);
		const struct entry *entry = diag_table_find(table, &key);

		if ((entry ? entry->value : 0) != expected[i] || table->count != count) {
			fprintf(stderr, "diag-table: key %u of %u differs\n", i, count);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	uint32_t steps = argc > 1 ? atoi(argv[1]) : 0;
	struct diag_table table = DIAG_TABLE(struct key, struct entry, argc > 2 ? atoi(argv[2]) : 0);
	uint32_t added = 0, removed = 0, full = 0;

	for (uint32_t step = 1; step <= steps; step++) {
		uint32_t number = chance(KEYS);
		struct key key = key_of(number);
		struct entry *entry;

		if (chance(5) < 2) {
			entry = diag_table_find(&table, &key);
			if (entry) {
				diag_table_remove(&table, entry);
				expected[number] = 0;
				removed++;
			}
		} else if ((entry = diag_table_add(&table, &key))) {
			added += !expected[number];
			entry->value = expected[number] = step;
		} else {
			full++;
		}
		if (step % 5000 == 0) {
			check(&table, added - removed);
		}
	}
	check(&table, added - removed);
	diag_table_free(&table);
	printf("added %u, removed %u, full %u\n", added, removed, full);
	return 0;
}
