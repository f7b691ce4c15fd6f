/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near.c - lets an instrumented program call the detector without a detour.
 *
 * A call of __tsan_read8() goes through a stub in the program's PLT, an indirect jump that costs
 * about as much as the detector's answer. So, before there is a second thread, those calls in the
 * program and its libraries are pointed at copies of near.S that lie within reach of `call rel32`.
 * What happens otherwise is the same: the return address, which is the pc of the access, too.
 *
 * Only what is certainly such a call is changed. The functions are taken from .eh_frame_hdr, and
 * each is decoded from its first byte: an instruction that is not known, or one that does not end
 * where the function does, and the function stays as it is. So does a module whose text the kernel
 * does not let be written, or that has no memory free within 2 GiB.
 *
 * The text is writable only meanwhile. Modules that are loaded later keep their stubs: other
 * threads may be running by then.
 */
#include "builtins.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "front.h"
#include "sys.h"
#include "base/x86.h"

_Static_assert(offsetof(struct thread, tag) == 0 && offsetof(struct thread, sp) == 8 &&
		       offsetof(struct thread, lim) == 16 && offsetof(struct thread, base) == 24 &&
		       offsetof(struct frame, hash) == 8 && sizeof(struct frame) == 16,
	"near.S knows these");
_Static_assert(SHADOW_CELLS == 0x100000000000 && (WINDOW_MASK & ~7ull) == 0xffffffffff8 &&
		       HASH_MUL == 0x9e3779b97f4a7c15 && TAG_READ == 0x100 && TAG_MASK == 0xff,
	"near.S knows these");

#define NEAR_STEP (1l << 20)
#define NEAR_FROM (256l << 20) /* leaves room for brk */
#define NEAR_TO   (1536l << 20)
#define NSLOTS    256

extern char near_begin[], near_end[];
extern uint64_t near_me, near_slow_read, near_slow_write, near_slow_entry;
void near_read1(void), near_read2(void), near_read4(void), near_read8(void);
void near_write1(void), near_write2(void), near_write4(void), near_write8(void);
void near_entry(void), near_exit(void);

#define ACCESS(prefix, n)                                  \
	{"__tsan_" prefix "read" #n, near_read##n},        \
	{                                                  \
		"__tsan_" prefix "write" #n, near_write##n \
	}
#define ACCESSES(prefix) ACCESS(prefix, 1), ACCESS(prefix, 2), ACCESS(prefix, 4), ACCESS(prefix, 8)

static const struct {
	const char *name;
	void (*fn)(void);
} functions[] = {
	ACCESSES(""),
	ACCESSES("volatile_"),
	ACCESSES("unaligned_"),
	ACCESSES("unaligned_volatile_"),
	{"__tsan_func_entry", near_entry},
	{"__tsan_func_exit", near_exit},
};

struct module {
	uintptr_t bias, text_lo, text_hi, lo, hi;
	const unsigned char *eh_hdr; /* PT_GNU_EH_FRAME */
	size_t eh_size;
	const Elf64_Dyn *dynamic;
	const Elf64_Sym *sym;
	const char *str;
	char *copy; /* of near.S */
	uint32_t nslots;
	struct {
		uintptr_t at; /* of the GOT, or of a function in the program */
		void (*fn)(void);
	} slots[NSLOTS];
};

static void segments(struct module *m, const struct dl_phdr_info *info)
{
	m->lo = UINTPTR_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const Elf64_Phdr *ph = &info->dlpi_phdr[i];
		uintptr_t at = m->bias + ph->p_vaddr;
		if (ph->p_type == PT_LOAD) {
			m->lo = at < m->lo ? at : m->lo;
			m->hi = at + ph->p_memsz > m->hi ? at + ph->p_memsz : m->hi;
		}
		if (ph->p_type == PT_LOAD && ph->p_flags == (PF_R | PF_X)) {
			m->text_lo = at;
			m->text_hi = at + ph->p_filesz;
		} else if (ph->p_type == PT_DYNAMIC) {
			m->dynamic = (const Elf64_Dyn *)at;
		} else if (ph->p_type == PT_GNU_EH_FRAME) {
			m->eh_hdr = (const unsigned char *)at;
			m->eh_size = ph->p_memsz;
		}
	}
}

static void slot(struct module *m, const Elf64_Rela *r)
{
	uint64_t type = ELF64_R_TYPE(r->r_info);
	if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || m->nslots == NSLOTS)
		return;
	const char *name = m->str + m->sym[ELF64_R_SYM(r->r_info)].st_name;
	if (strncmp(name, "__tsan_", 7))
		return;
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		if (strcmp(name, functions[i].name))
			continue;
		m->slots[m->nslots].at = m->bias + r->r_offset;
		m->slots[m->nslots++].fn = functions[i].fn;
		return;
	}
}

/* The loader has relocated these pointers, in all modules but the vDSO. */
static uintptr_t pointer_of(const struct module *m, int64_t tag)
{
	for (const Elf64_Dyn *d = m->dynamic; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == tag)
			return d->d_un.d_ptr < m->bias ? 0 : d->d_un.d_ptr;
	}
	return 0;
}

static uint64_t value_of(const struct module *m, int64_t tag)
{
	for (const Elf64_Dyn *d = m->dynamic; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == tag)
			return d->d_un.d_val;
	}
	return 0;
}

static void slots(struct module *m)
{
	static const struct {
		int64_t at, size;
	} tables[] = {{DT_JMPREL, DT_PLTRELSZ}, {DT_RELA, DT_RELASZ}};
	m->sym = (const Elf64_Sym *)pointer_of(m, DT_SYMTAB);
	m->str = (const char *)pointer_of(m, DT_STRTAB);
	for (int i = 0; m->sym && m->str && i < 2; i++) {
		const Elf64_Rela *r = (const Elf64_Rela *)pointer_of(m, tables[i].at);
		uint64_t n = r ? value_of(m, tables[i].size) / sizeof *r : 0;
		for (; n--; r++)
			slot(m, r);
	}
}

/* ---- calls ---- */

static int32_t number_at(const unsigned char *p)
{
	int32_t v;
	race_memcpy(&v, p, sizeof v);
	return v;
}

static bool in_text(const struct module *m, uintptr_t at, size_t n)
{
	return at >= m->text_lo && at < m->text_hi && n <= m->text_hi - at;
}

static const void *behind_slot(const struct module *m, uintptr_t at)
{
	for (uint32_t i = 0; i < m->nslots; i++) {
		if (m->slots[i].at == at)
			return m->copy + ((char *)(uintptr_t)m->slots[i].fn - near_begin);
	}
	return NULL;
}

/* A program that has its runtime linked in (static_patch.c) calls its own functions. */
static void own_functions(struct module *m)
{
	uintptr_t entry = (uintptr_t)dlsym(RTLD_DEFAULT, "__tsan_func_entry");
	if (!in_text(m, entry, 1) || in_text(m, (uintptr_t)near_calls, 1))
		return;
	for (size_t i = 0; i < sizeof functions / sizeof *functions && m->nslots < NSLOTS; i++) {
		uintptr_t at = (uintptr_t)dlsym(RTLD_DEFAULT, functions[i].name);
		if (at) {
			m->slots[m->nslots].at = at;
			m->slots[m->nslots++].fn = functions[i].fn;
		}
	}
}

#define STUB_SIZE 11

/* jmp *slot(%rip), with endbr64 or bnd before it */
static const void *behind_stub(const struct module *m, uintptr_t at)
{
	static const unsigned char endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
	const unsigned char *p = (const unsigned char *)at;
	if (!in_text(m, at, STUB_SIZE))
		return NULL;
	if (!memcmp(p, endbr, sizeof endbr))
		p += sizeof endbr;
	if (*p == 0xf2)
		p++;
	if (p[0] != 0xff || p[1] != 0x25)
		return NULL;
	return behind_slot(m, (uintptr_t)p + 6 + (uintptr_t)(intptr_t)number_at(p + 2));
}

/*
 * Where the instruction, a call or a jump with a 32-bit offset at its end, should go instead; NULL
 * when it is none, or of something else.
 */
static const void *destination(
	const struct module *m, const struct insn *in, const unsigned char *p)
{
	const unsigned char *next = p + in->length;
	uintptr_t to = (uintptr_t)next + (uintptr_t)(intptr_t)number_at(next - 4);
	if (in->map != MAP_ONE || in->length < 5)
		return NULL;
	if (in->opcode == 0xe8 || in->opcode == 0xe9) {
		const void *own = behind_slot(m, to);
		return own ? own : behind_stub(m, to);
	}
	if (in->opcode == 0xff && in->modrm == 0x15 && in->length == 6)
		return behind_slot(m, to);
	return NULL;
}

static void redirect(const struct insn *in, unsigned char *p, const void *to)
{
	unsigned char *next = p + in->length;
	int32_t rel = (int32_t)((intptr_t)to - (intptr_t)next);
	race_memcpy(next - 4, &rel, sizeof rel);
	if (in->opcode == 0xff) { /* call *slot(%rip): as linkers write it when it need not be */
		p[0] = 0x67;
		p[1] = 0xe8;
	}
}

/* How many calls there are to change in a function; -1 when it cannot be told. */
static int look(const struct module *m, const unsigned char *p, size_t n, bool change)
{
	struct insn in;
	int calls = 0;
	for (size_t off = 0; off < n; off += in.length) {
		if (!insn_decode(&in, p + off, n - off))
			return -1;
		const void *to = destination(m, &in, p + off);
		calls += to != NULL;
		if (to && change)
			redirect(&in, (unsigned char *)(uintptr_t)p + off, to);
	}
	return calls;
}

/* ---- memory ---- */

static bool protect(const struct module *m, int prot)
{
	uintptr_t lo = m->text_lo & ~(PAGE - 1), hi = (m->text_hi + PAGE - 1) & ~(PAGE - 1);
	return !SYS3(SYS_mprotect, lo, hi - lo, prot);
}

static size_t copy_size(void)
{
	return ((size_t)(near_end - near_begin) + PAGE - 1) & ~(PAGE - 1);
}

static void *map_from(uintptr_t at, long step)
{
	for (long d = NEAR_FROM; d < NEAR_TO; d += NEAR_STEP, at += (uintptr_t)step) {
		long r = sys_mmap((void *)at, copy_size(), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
		if (r == (long)at)
			return (void *)at;
		if (r > 0) /* a kernel that takes the address for a hint */
			SYS3(SYS_munmap, r, copy_size(), 0);
	}
	return NULL;
}

static void fill(char *copy, uint64_t *slot, uint64_t value)
{
	race_memcpy(copy + ((char *)slot - near_begin), &value, sizeof value);
}

static bool make_copy(struct module *m)
{
	uintptr_t hi = (m->hi + PAGE - 1) & ~(PAGE - 1), lo = m->lo & ~(PAGE - 1);
	m->copy = map_from(hi + NEAR_FROM, NEAR_STEP);
	if (!m->copy && lo > NEAR_TO)
		m->copy = map_from(lo - NEAR_FROM, -NEAR_STEP);
	if (!m->copy)
		return false;
	race_memcpy(m->copy, near_begin, (size_t)(near_end - near_begin));
	fill(m->copy, &near_me, (uintptr_t)&me - (uintptr_t)__builtin_thread_pointer());
	fill(m->copy, &near_slow_read, (uintptr_t)tsan_slow_read);
	fill(m->copy, &near_slow_write, (uintptr_t)tsan_slow_write);
	fill(m->copy, &near_slow_entry, (uintptr_t)tsan_slow_entry);
	return !SYS3(SYS_mprotect, m->copy, copy_size(), PROT_READ | PROT_EXEC);
}

/* ---- functions ---- */

#define EH_HEADER 12 /* bytes before the table, of the only form that linkers write */

/* The function of an entry of the table: two offsets from its header. */
static const unsigned char *function_of(
	const struct module *m, const unsigned char *entry, size_t *size)
{
	const unsigned char *at = m->eh_hdr + number_at(entry);
	const unsigned char *fde = m->eh_hdr + number_at(entry + 4);
	*size = 0;
	if ((uintptr_t)fde < m->lo || (uintptr_t)fde + 16 > m->hi)
		return at;
	uint32_t n = (uint32_t)number_at(fde + 12);
	if (fde + 8 + number_at(fde + 8) == at && in_text(m, (uintptr_t)at, n))
		*size = n;
	return at;
}

static void change_calls(struct module *m)
{
	static const unsigned char form[] = {1, 0x1b, 3, 0x3b}; /* DWARF's encodings */
	if (!m->eh_hdr || m->eh_size < EH_HEADER || memcmp(m->eh_hdr, form, sizeof form))
		return;
	uint32_t n = (uint32_t)number_at(m->eh_hdr + 8);
	if (n > (m->eh_size - EH_HEADER) / 8)
		return;
	for (const unsigned char *entry = m->eh_hdr + EH_HEADER; n--; entry += 8) {
		size_t size;
		const unsigned char *at = function_of(m, entry, &size);
		if (look(m, at, size, false) > 0)
			look(m, at, size, true);
	}
}

static int one_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	static struct module m;
	(void)size;
	(void)arg;
	m = (struct module){.bias = info->dlpi_addr};
	segments(&m, info);
	slots(&m);
	own_functions(&m);
	if (!m.nslots || !m.text_hi || !make_copy(&m))
		return 0;
	if (!protect(&m, PROT_READ | PROT_WRITE | PROT_EXEC))
		return 0;
	change_calls(&m);
	protect(&m, PROT_READ | PROT_EXEC);
	return 0;
}

/* One link is of the directory itself, one of its parent, one of each thread. */
static bool alone(void)
{
	struct stat st;
	return !SYS3(SYS_stat, "/proc/self/task", &st, 0) && st.st_nlink == 3;
}

void near_calls(void)
{
	if (alone() && dlsym(RTLD_DEFAULT, "__tsan_func_entry") == (void *)__tsan_func_entry)
		dl_iterate_phdr(one_module, NULL);
}
