/* SPDX-License-Identifier: BSD-2-Clause */
/* blocked.c - how long goroutines are blocked; see blocked.h. */
#include "sync/blocked.h"

#include "base/clock.h"

int64_t blockbegin(struct g *gp)
{
	gcold(gp)->releasetime = 0;
	return load_rlx(&prof.blockrate) > 0 ? nanotime() : 0;
}

void blockend(struct g *gp, int64_t since)
{
	int64_t end = gcold(gp)->releasetime;
	if (since)
		blockevent((end ? end : nanotime()) - since);
}

void released(struct g *gp)
{
	gcold(gp)->releasetime = nanotime();
}

void goparkwatched(struct mutex *l, waitReason reason)
{
	struct g *gp = getg();
	int64_t since = blockbegin(gp);
	gp->sudog.watched = since != 0;
	goparkunlock(l, reason);
	blockend(gp, since);
}
