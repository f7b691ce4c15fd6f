/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gobubble.c - what tracebacks say of goroutines in a synctest bubble, as goroutineheader does.
 *
 * From Go 1.25 on a wait that only the bubble itself can end is called durable. Waits that are so
 * in a bubble only have a text of their own for it; the others get the suffix. Go 1.25 also says it
 * of a goroutine that runs, by the wait it had last.
 */
#include "gobubble.h"

#include <stdio.h>
#include <string.h>

static const char suffix[] = " (durable)";

/* Of those without a text of their own: the reasons that isIdleInSynctest names. */
static bool idle_in_bubble(const char *reason)
{
	static const char *const idle[] = {"chan receive (nil chan)", "chan send (nil chan)",
		"select (no cases)", "sleep", "sync.Cond.Wait", "coroutine", "synctest.Run",
		"synctest.Wait"};
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (!strcmp(reason, idle[i]))
			return true;
	return false;
}

static bool ends_durable(const char *reason)
{
	size_t n = strlen(reason), k = sizeof suffix - 1;
	return n > k && !strcmp(reason + n - k, suffix);
}

void gobubbles_init(struct gobubbles *b, const struct gotarget *g, struct gsnap *out)
{
	char text[sizeof *g->reasons + sizeof suffix];
	*b = (struct gobubbles){.g = g};
	for (uint32_t i = 0; i < g->nreasons && g->lay->minor > 24; i++) {
		const char *reason = g->reasons[i];
		bool ends = ends_durable(reason);
		snprintf(text, sizeof text, "%s%s", reason, ends ? "" : suffix);
		if (ends || idle_in_bubble(reason))
			b->durable[i] = gsnap_str(out, text, strlen(text));
	}
}

/* The id of a bubble; of a group, which has none, that of the goroutine that called Run. */
static uint64_t id_of(const struct gobubbles *b, uint64_t bubble)
{
	const struct golayout *l = b->g->lay;
	uint64_t word = target_word(b->g->t, bubble + l->bubble_id);
	return l->minor > 24 ? word : target_word(b->g->t, word + l->g_goid);
}

void gobubble_tell(struct gobubbles *b, uint64_t bubble, uint8_t reason, struct gsnap_g *gp)
{
	if (bubble != b->last) {
		b->last_id = id_of(b, bubble);
		b->last = bubble;
	}
	gp->bubble = b->last_id;
	const char *durable = reason < b->g->nreasons ? b->durable[reason] : NULL;
	if (!durable)
		return;
	if (gp->status == GSTATUS_WAITING)
		gp->reason = durable;
	else if (b->g->lay->minor == 25)
		gp->flags |= GSNAP_G_DURABLE;
}
