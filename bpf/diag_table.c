// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "diag_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

/* Cookies and inodes count up, so that the multiplication spreads them (Knuth, 6.4). */
static uint32_t hash(const struct diag_table *table, const void *key)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < table->key_size; i += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, (const char *)key + i, sizeof(word));
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 32;
	}
	return (uint32_t)sum;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t find_slot(const struct diag_table *table, const void *key)
{
	uint32_t slot = hash(table, key) & table->slot_mask;

	while (table->slots[slot] && memcmp(diag_table_at(table, table->slots[slot] - 1), key, table->key_size) != 0) {
		slot = (slot + 1) & table->slot_mask;
	}
	return slot;
}

void *diag_table_find(const struct diag_table *table, const void *key)
{
	uint32_t slot;

	if (!table->count) {
		return NULL;
	}
	slot = find_slot(table, key);
	return table->slots[slot] ? diag_table_at(table, table->slots[slot] - 1) : NULL;
}

static bool grow(struct diag_table *table)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN;
	uint32_t *slots = calloc((size_t)capacity * 2, sizeof(*slots));
	char *entries = slots ? realloc(table->entries, (size_t)capacity * table->entry_size) : NULL;

	if (!entries) {
		free(slots);
		return false;
	}
	free(table->slots);
	table->slots = slots;
	table->entries = entries;
	table->capacity = capacity;
	table->slot_mask = capacity * 2 - 1;
	for (uint32_t i = 0; i < table->count; i++) {
		table->slots[find_slot(table, diag_table_at(table, i))] = i + 1;
	}
	return true;
}

void *diag_table_add(struct diag_table *table, const void *key)
{
	void *entry = diag_table_find(table, key);

	if (entry) {
		return entry;
	}
	if (table->count >= table->max || (table->count >= table->capacity && !grow(table))) {
		return NULL;
	}
	table->slots[find_slot(table, key)] = table->count + 1;
	entry = diag_table_at(table, table->count++);
	memcpy(entry, key, table->key_size);
	memset((char *)entry + table->key_size, 0, table->entry_size - table->key_size);
	return entry;
}

/* Entries behind a slot that becomes free move up, or they would not be found any more (Knuth, 6.4, algorithm R). */
static void free_slot(struct diag_table *table, uint32_t hole)
{
	uint32_t slot = hole;

	for (;;) {
		uint32_t home;

		slot = (slot + 1) & table->slot_mask;
		if (!table->slots[slot]) {
			break;
		}
		home = hash(table, diag_table_at(table, table->slots[slot] - 1)) & table->slot_mask;
		if (((slot - home) & table->slot_mask) >= ((slot - hole) & table->slot_mask)) {
			table->slots[hole] = table->slots[slot];
			hole = slot;
		}
	}
	table->slots[hole] = 0;
}

void diag_table_remove(struct diag_table *table, void *entry)
{
	void *last = diag_table_at(table, table->count - 1);

	free_slot(table, find_slot(table, entry));
	if (entry != last) {
		uint32_t slot = find_slot(table, last);

		memcpy(entry, last, table->entry_size);
		table->slots[slot] = (uint32_t)(((char *)entry - table->entries) / table->entry_size) + 1;
	}
	table->count--;
}

void diag_table_clear(struct diag_table *table)
{
	if (table->count) {
		memset(table->slots, 0, ((size_t)table->slot_mask + 1) * sizeof(*table->slots));
	}
	table->count = 0;
}

void diag_table_free(struct diag_table *table)
{
	free(table->slots);
	free(table->entries);
	table->slots = NULL;
	table->entries = NULL;
	table->count = table->capacity = table->slot_mask = 0;
}
