/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A bounded table of entries by key, in one piece of memory that grows with them. */
#ifndef STUCKD_DIAG_TABLE_H
#define STUCKD_DIAG_TABLE_H

#include <stdint.h>

/* An entry begins with its key. Entries are numbered from 0; adding and removing moves them. */
struct diag_table {
	uint32_t key_size; /* bytes, a multiple of 4 */
	uint32_t entry_size;
	uint32_t max;
	uint32_t count;
	uint32_t capacity;  /* of `entries` */
	uint32_t slot_mask; /* slots are a power of two, at most half of them in use */
	uint32_t *slots;    /* number of an entry plus one; 0: free */
	char *entries;
};

#define DIAG_TABLE(key_type, entry_type, max_)                                                \
	{                                                                                     \
		.key_size = sizeof(key_type), .entry_size = sizeof(entry_type), .max = (max_) \
	}

static inline void *diag_table_at(const struct diag_table *table, uint32_t number)
{
	return table->entries + (uint64_t)number * table->entry_size;
}

/* Returns NULL if there is none. */
void *diag_table_find(const struct diag_table *table, const void *key);

/* Returns the entry, all 0 behind its key if it is new; NULL if the table is full, or there is no memory. */
void *diag_table_add(struct diag_table *table, const void *key);

/* The last entry takes its place: who removes while counting counts down. */
void diag_table_remove(struct diag_table *table, void *entry);

/* Removes all, and keeps the memory. */
void diag_table_clear(struct diag_table *table);

/* Removes all, and gives the memory back. */
void diag_table_free(struct diag_table *table);

#endif
