/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheapimage.h - the memory of a made-up Go 1.26 process with a heap: two spans, three goroutines.
 *
 *   goroutine 1  running; its stack points to channel B
 *   goroutine 5  waits for channel A, which nothing points to
 *   goroutine 6  waits for channel B
 *
 * The tests damage it; the fuzz target starts from it. There is no executable: where variables are
 * is told (goheapimage_open), so that all of the input is what is read as heap.
 */
#ifndef GORT_TESTS_PROBES_GOHEAPIMAGE_H
#define GORT_TESTS_PROBES_GOHEAPIMAGE_H

#include <string.h>
#include "goimage.h"
#include "probes/gotarget.h"

#define HEAPIMAGE_SIZE 0xa000

/* Offsets; the address is GOIMAGE_BASE + offset. */
enum {
	IM_ALLSPANS = 0x100,
	IM_SPANPTRS = 0x140,
	IM_SPANS = 0x200, /* two, 0xa0 apart */
	IM_TYPE = 0x400,  /* of the P */
	IM_MASK = 0x440,
	IM_ALLGS = 0x500,
	IM_GPTRS = 0x540,
	IM_ALLP = 0x600,
	IM_PPTRS = 0x620,
	IM_ALLM = 0x640,
	IM_M = 0x800,
	IM_MODULE = 0x1000,
	IM_DATA = 0x1400,
	IM_DATAMASK = 0x1500,
	IM_DATAEND = 0x1480,
	IM_SMALL = 0x2000, /* span of 96-byte objects: channels A and B, two sudogs */
	IM_LARGE = 0x4000, /* span of one object of 8 KiB with a header: the P */
	IM_GS = 0x6000,    /* 0x200 apart */
	IM_STACKS = 0x8000 /* 0x400 apart */
};
enum { HEAPIMAGE_GS = 3, SMALL = 96, IM_CHAN_A = IM_SMALL, IM_CHAN_B = IM_SMALL + SMALL };

struct goheapimage {
	uint8_t bytes[HEAPIMAGE_SIZE];
};

static inline void hput64(struct goheapimage *im, size_t at, uint64_t v)
{
	memcpy(im->bytes + at, &v, sizeof v);
}

static inline void hput32(struct goheapimage *im, size_t at, uint32_t v)
{
	memcpy(im->bytes + at, &v, sizeof v);
}

static inline void goheapimage_span(struct goheapimage *im, const struct golayout *l, unsigned i,
	size_t start, uint64_t elemsize, uint16_t nelems, uint8_t spanclass)
{
	size_t at = IM_SPANS + i * 0xa0;
	hput64(im, IM_SPANPTRS + 8 * i, addr_of(at));
	hput64(im, at + l->span_startaddr, addr_of(start));
	hput64(im, at + l->span_npages, 1);
	hput64(im, at + l->span_elemsize, elemsize);
	memcpy(im->bytes + at + l->span_nelems, &nelems, sizeof nelems);
	memcpy(im->bytes + at + l->span_freeindexforscan, &nelems, sizeof nelems);
	hput32(im, at + l->span_divmul, nelems > 1 ? (uint32_t)(UINT32_MAX / elemsize + 1) : 0);
	im->bytes[at + l->span_spanclass] = spanclass;
	im->bytes[at + l->span_state] = 1;
}

static inline void goheapimage_heap(struct goheapimage *im, const struct golayout *l)
{
	hput64(im, IM_ALLSPANS, addr_of(IM_SPANPTRS));
	hput64(im, IM_ALLSPANS + 8, 2);
	hput64(im, IM_ALLSPANS + 16, 2);
	goheapimage_span(im, l, 0, IM_SMALL, SMALL, 80, 9 << 1);
	goheapimage_span(im, l, 1, IM_LARGE, 8192, 1, 60 << 1);
	/* Sudogs of goroutines 5 and 6. Every word of the span counts as a pointer. */
	for (unsigned i = 0; i < 2; i++) {
		size_t at = IM_SMALL + (2 + i) * SMALL;
		hput64(im, at, addr_of(IM_GS + (1 + i) * 0x200));
		hput64(im, at + l->sudog_c, addr_of(i ? IM_CHAN_B : IM_CHAN_A));
	}
	memset(im->bytes + IM_SMALL + 8192 - 128, 0xff, 128);
	hput64(im, IM_LARGE, addr_of(IM_TYPE));
	hput64(im, IM_TYPE, 8000);
	hput64(im, IM_TYPE + 8, 8);
	hput64(im, IM_TYPE + 32, addr_of(IM_MASK));
}

static inline void goheapimage_runtime(struct goheapimage *im, const struct golayout *l)
{
	hput64(im, IM_ALLP, addr_of(IM_PPTRS));
	hput64(im, IM_ALLP + 8, 1);
	hput64(im, IM_PPTRS, addr_of(IM_LARGE + 8));
	hput64(im, IM_ALLM, addr_of(IM_M));
	hput64(im, IM_MODULE + 0xd0, addr_of(IM_DATA));
	hput64(im, IM_MODULE + 0xd8, addr_of(IM_DATAEND));
	hput32(im, IM_MODULE + l->md_gcdatamask, (IM_DATAEND - IM_DATA) / 8);
	hput64(im, IM_MODULE + l->md_gcdatamask + 8, addr_of(IM_DATAMASK));
	memset(im->bytes + IM_DATAMASK, 0xff, (IM_DATAEND - IM_DATA) / 64);
}

static inline void goheapimage_goroutine(struct goheapimage *im, const struct golayout *l,
	unsigned i, uint64_t goid, uint32_t status, uint64_t waiting)
{
	size_t at = IM_GS + i * 0x200, stack = IM_STACKS + i * 0x400;
	hput64(im, IM_GPTRS + 8 * i, addr_of(at));
	hput64(im, at + G_STACKLO, addr_of(stack));
	hput64(im, at + G_STACKHI, addr_of(stack + 0x400));
	hput64(im, at + G_SCHEDSP, addr_of(stack + 0x380));
	hput64(im, at + l->g_goid, goid);
	hput32(im, at + l->g_atomicstatus, status);
	hput64(im, at + l->g_waiting, waiting);
	im->bytes[at + l->g_waitreason] = 1;
}

/* Go 1.x whose layout the image has, and its reader expects. */
static unsigned goheapimage_minor = 26;

static inline void goheapimage_make(struct goheapimage *im)
{
	bool guess;
	const struct golayout *l = golayout_for(goheapimage_minor, 0, &guess);
	*im = (struct goheapimage){0};
	goheapimage_heap(im, l);
	goheapimage_runtime(im, l);
	hput64(im, IM_ALLGS, addr_of(IM_GPTRS));
	hput64(im, IM_ALLGS + 8, HEAPIMAGE_GS);
	goheapimage_goroutine(im, l, 0, 1, GSTATUS_RUNNING, 0);
	goheapimage_goroutine(im, l, 1, 5, GSTATUS_WAITING, addr_of(IM_SMALL + 2 * SMALL));
	goheapimage_goroutine(im, l, 2, 6, GSTATUS_WAITING, addr_of(IM_SMALL + 3 * SMALL));
	hput64(im, IM_STACKS + 0x3f0, addr_of(IM_CHAN_B));
}

/* A target whose memory is the image; elf stays empty. */
static inline void goheapimage_open(struct gotarget *g, struct target *t, struct gomemory *memory)
{
	target_init(t, 1, "/nonexistent");
	t->mem = (struct tmem){gomemory_readv, memory, gomemory_size};
	*g = (struct gotarget){.t = t, .nreasons = 2};
	g->lay = golayout_for(goheapimage_minor, 0, &g->guess);
	g->md.addr = addr_of(IM_MODULE);
	g->glob.mheap_ = addr_of(IM_ALLSPANS) - g->lay->h_allspans;
	g->glob.allgs = addr_of(IM_ALLGS);
	g->glob.allp = addr_of(IM_ALLP);
	g->glob.allm = addr_of(IM_ALLM);
	strcpy(g->reasons[1], "chan receive");
}

#endif
