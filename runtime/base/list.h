/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h - intrusive singly linked lists, typed by macro: a head with first, last and a length,
 * linked through a named member (Go's gQueue and gList). Not thread-safe: the owner's lock guards
 * them.
 */
#ifndef GORT_BASE_LIST_H
#define GORT_BASE_LIST_H

#include <stddef.h>

#define LIST_HEAD(name, type)  \
	struct name {          \
		type *first;   \
		type *last;    \
		uint32_t size; \
	}

#define LIST_PUSH_BACK(list, item, link)             \
	do {                                         \
		(item)->link = NULL;                 \
		if ((list)->last)                    \
			(list)->last->link = (item); \
		else                                 \
			(list)->first = (item);      \
		(list)->last = (item);               \
		(list)->size++;                      \
	} while (0)

#define LIST_PUSH_FRONT(list, item, link)      \
	do {                                   \
		(item)->link = (list)->first;  \
		(list)->first = (item);        \
		if (!(list)->last)             \
			(list)->last = (item); \
		(list)->size++;                \
	} while (0)

/* Appends all of src to dst and empties src. */
#define LIST_CONCAT(dst, src, link)                               \
	do {                                                      \
		if ((src)->first) {                               \
			if ((dst)->last)                          \
				(dst)->last->link = (src)->first; \
			else                                      \
				(dst)->first = (src)->first;      \
			(dst)->last = (src)->last;                \
			(dst)->size += (src)->size;               \
			(src)->first = (src)->last = NULL;        \
			(src)->size = 0;                          \
		}                                                 \
	} while (0)

/* Takes the first item off; NULL when the list is empty. */
#define LIST_POP(list, link)                                          \
	__extension__({                                               \
		__typeof__((list)->first) list_item_ = (list)->first; \
		if (list_item_) {                                     \
			(list)->first = list_item_->link;             \
			if (!(list)->first)                           \
				(list)->last = NULL;                  \
			(list)->size--;                               \
			list_item_->link = NULL;                      \
		}                                                     \
		list_item_;                                           \
	})

#endif
