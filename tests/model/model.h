/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - the protocol between goroutines and the collector as a transition system.
 *
 * The world: up to three objects of one pointer field each, one global variable, two goroutines
 * with one or two pointer variables, and the collector, which goes through its cycle for ever.
 * Each step is one access to shared memory, or one pause; any goroutine may be stopped, switched
 * out and resumed between any two steps, unless a rule forbids it. Memory is sequentially
 * consistent: a stop drains the store buffer of the CPU it interrupts.
 *
 * What must hold in each state: an object that a goroutine can still reach is allocated, and no
 * slot is handed out twice (lost()).
 *
 * mutator.c has the steps of goroutines, collector.c those of the collector, rows.c the rules
 * one by one, explore.c visits all states.
 */
#ifndef GORT_TESTS_MODEL_MODEL_H
#define GORT_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MAXOBJECTS 3
#define NGOROUTINE 2
#define MAXVARS    2

/* As an object, 0 is nil; as the owner of a slot, it is the global variable. */
enum { NIL = 0, GLOBAL = 0 };

#define BIT(object) ((uint8_t)(1u << (object)))

/* The step that a goroutine is about to make. At REST it is between two operations. */
enum pc {
	REST,
	/* a store, in the order of its kind of barrier */
	PEND,     /* the hook saves the slot's address */
	LOAD,     /* old = *slot */
	TEST,     /* of the flag */
	RESERVE,  /* an entry of the log */
	LOG,      /* writes the entry */
	LOGSTALE, /* the same, but the entry is no longer in the buffer that is flushed */
	STORE,
	EXCHANGE, /* LOAD and STORE in one */
	/* an allocation */
	ALLOCBIT,
	PHASE, /* tests whether marking is on */
	MARKBIT,
	RETURN,
	PUBLISH, /* a new goroutine, whose stack has been written */
	WEAKGET, /* a weak pointer has been read: shade, return */
	NPC
};

enum phase { IDLE, MARKING, SWEEPING };

/* No member is above 15: two share a byte in the set of states. */
struct goroutine {
	uint8_t var[MAXVARS];
	uint8_t pc;
	uint8_t old, slot, val; /* registers of the operation under way */
	uint8_t dst;            /* the variable, or goroutine, that it is for */
	uint8_t running;        /* 0: parked or preempted; else on P number running - 1 */
	uint8_t scanned;        /* in this cycle; kernel mode: and has not run since */
	uint8_t alive;
	uint8_t pending; /* 1 + the slot that a hook is about to let change */
};

struct state {
	struct goroutine g[NGOROUTINE];

	uint8_t field[1 + MAXOBJECTS]; /* [GLOBAL] is the global variable */

	/* sets of objects */
	uint8_t alloc, mark, grey, swept;
	uint8_t claimed; /* slots that Ps hold for an allocation under way */
	uint8_t log;     /* what barriers have logged */
	uint8_t dirty;   /* pages, kernel mode */
	uint8_t finalizers, queue;

	uint8_t phase;
	uint8_t ppending[2]; /* pending slots of Ps, when they belong to those */
	uint8_t page;        /* 1 + the page between re-arming and reading */
	uint8_t scanning;    /* 1 + the goroutine whose stack is claimed by the scanner */
	uint8_t scanned1;    /* its first variable has been read */
	uint8_t timer;       /* a root outside the heap that no barrier guards */
	uint8_t timerdone;
	uint8_t weak;
	uint8_t frozen; /* goroutine 1: 1 its stack is being moved away, 2 it lies in image */
	uint8_t image[MAXVARS];
	uint8_t twice; /* a slot has been handed out twice */
};

enum mode { BARRIER, KERNEL };

enum barrier {
	LOAD_TEST_STORE, /* the protocol's: old is kept in a register until after the store */
	LOAD_TEST_STORE_FORGET,
	TEST_LOAD_STORE,
	LOAD_STORE_TEST,
	EXCHANGE_TEST,
	HOOK /* PEND first, the store last */
};

/* What other goroutines may do with a slot during a store into it. */
enum races { NO_RACES, READERS, WRITERS };

/* Who keeps the address of a hook's pending slot. */
enum pending { PENDING_OF_G, PENDING_OF_P, NO_PENDING };

enum when { FIRST_PAUSE, CONCURRENTLY, FINAL_PAUSE };

enum finalize { QUEUE_IN_PAUSE, QUEUE_AT_SWEEP, REFERENTS_ARE_ROOTS };

/* One row: everything 0 is the protocol; what is not 0 leaves it, or adds an operation. */
struct rules {
	const char *name;
	const char *rule; /* what the row shows */
	bool lost;        /* expected: some order of steps loses an object */
	bool slow;        /* for scripts/soak */

	/* size; 0 means 2 objects, 1 variable in each goroutine */
	int objects, vars, vars1;
	bool alone; /* one goroutine */

	enum mode mode;
	enum barrier barrier;
	enum races races;
	enum pending pending;
	bool nostop_barrier;
	bool rescan_running, rescan_preempted; /* in the final pause */
	bool no_preemption;                    /* only between operations */
	bool stoppable_log;
	bool handover; /* log entries are shaded before the final pause, too */
	bool forget;   /* a final pause that is given up forgets what it took */

	bool white, stoppable_alloc, mark_first, alloc_unswept;

	bool run_unscanned, skip_registers, ignore_late;
	bool handoff, handoff_unseen, copy, take, take_unshaded;
	bool scanned_last; /* kernel mode: the scanner says "scanned" after it has read */
	bool no_rescan;    /* kernel mode: stacks that ran are not scanned in the final pause */
	bool spawn, stoppable_spawn;
	bool freeze, freeze_unclaimed;

	bool timers;
	enum when timers_scanned;

	bool weak, weak_unshaded, stoppable_weak;

	bool finalizers, queue_unscanned, unshaded_add;
	enum finalize finalize;

	bool arm_last, arm_late; /* kernel mode: after reading a page; first time after pause 1 */
	bool shared_pages;       /* two objects a page */
};

extern const struct rules *rules;
extern const struct rules rows[];
extern const int nrows;

int nobjects(void);
int nvars(int goroutine);
int ngoroutines(void);

/* ---- of mutator.c and collector.c ---- */

void initial_state(struct state *s);
void mutator_steps(const struct state *s);
void collector_steps(const struct state *s);

/* Whether a pause may begin: nobody runs in a no-stop section. */
bool can_stop(const struct state *s);
/* Marks the object for scanning, if it is allocated and not marked. */
void shade(struct state *s, uint8_t object);
/* Page of an object. */
int page_of(int object);

/* ---- of explore.c ---- */

/* Called for each step out of the state being expanded, with what it leads to. */
void reached(struct state *s, const char *step);

static inline bool marking(const struct state *s)
{
	return s->phase == MARKING;
}

static inline bool storing(const struct goroutine *g)
{
	return g->pc >= PEND && g->pc <= EXCHANGE;
}

static inline bool allocating(const struct goroutine *g)
{
	return g->pc >= ALLOCBIT && g->pc <= RETURN;
}

#endif
