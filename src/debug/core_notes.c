/*
 * The notes of a core file, as Linux writes them (linux/elfcore.h), so that
 * debuggers understand them, and our own.
 */
#include <elf.h>
#include <string.h>

#include "abi/layout.h"
#include "debug/core.h"

/* Of struct elf_prpsinfo; the guest's process never was. */
enum {
	PRPSINFO_BYTES = 136,
	PRPSINFO_STATE = 0,
	PRPSINFO_SNAME = 1,
	PRPSINFO_PID = 24,
	PRPSINFO_FNAME = 40,
	PRPSINFO_FNAME_BYTES = 16,
	PRPSINFO_ARGS = 56,
	PRPSINFO_ARGS_BYTES = 80,
};

/* Of siginfo_t. */
enum {
	SIGINFO_BYTES = 128,
	SIGINFO_ADDRESS = 16,
};

#define PID 1
#define PATH_BYTES 4096

struct writer {
	uint8_t *data; /* NULL: only counts */
	size_t used;
};

static void put(struct writer *out, const void *data, size_t size)
{
	if (out->data)
		memcpy(out->data + out->used, data, size);
	out->used += size;
}

static void pad(struct writer *out)
{
	static const uint8_t zeros[4];

	put(out, zeros, -out->used & 3);
}

static void put_head(struct writer *out, const char *owner, uint32_t type,
		     size_t size)
{
	const Elf64_Nhdr head = {
		.n_namesz = (uint32_t)strlen(owner) + 1,
		.n_descsz = (uint32_t)size,
		.n_type = type,
	};

	put(out, &head, sizeof(head));
	put(out, owner, head.n_namesz);
	pad(out);
}

static void put_note(struct writer *out, const char *owner, uint32_t type,
		     const void *data, size_t size)
{
	put_head(out, owner, type, size);
	put(out, data, size);
	pad(out);
}

static void put_status(struct writer *out, const struct mti_core *core)
{
	uint8_t status[MTI_ARCH_PRSTATUS_MAX] = { 0 };

	core->arch->prstatus(core->general, core->signal, PID, status);
	put_note(out, "CORE", NT_PRSTATUS, status, core->arch->prstatus_size);
}

static void put_process(struct writer *out, const struct mti_core *core)
{
	uint8_t info[PRPSINFO_BYTES] = { 0 };
	const char *slash = strrchr(core->path, '/');
	const char *name = slash ? slash + 1 : core->path;
	const uint32_t pid = PID;

	if (name[0] == '\0')
		name = "guest";
	info[PRPSINFO_SNAME] = 'R';
	memcpy(info + PRPSINFO_PID, &pid, sizeof(pid));
	memcpy(info + PRPSINFO_FNAME, name,
	       strnlen(name, PRPSINFO_FNAME_BYTES - 1));
	memcpy(info + PRPSINFO_ARGS, name,
	       strnlen(name, PRPSINFO_ARGS_BYTES - 1));
	put_note(out, "CORE", NT_PRPSINFO, info, sizeof(info));
}

static void put_signal(struct writer *out, const struct mti_core *core)
{
	uint8_t info[SIGINFO_BYTES] = { 0 };

	memcpy(info, &core->signal, sizeof(core->signal));
	memcpy(info + SIGINFO_ADDRESS, &core->note.address,
	       sizeof(core->note.address));
	put_note(out, "CORE", NT_SIGINFO, info, sizeof(info));
}

static void put_auxiliary(struct writer *out, const struct mti_core *core)
{
	const uint64_t vector[][2] = {
		{ AT_PHDR, core->headers },
		{ AT_PHENT, sizeof(Elf64_Phdr) },
		{ AT_PHNUM, core->header_count },
		{ AT_PAGESZ, MOTE_PAGE_SIZE },
		{ AT_ENTRY, core->entry },
		{ AT_NULL, 0 },
	};

	put_note(out, "CORE", NT_AUXV, vector, sizeof(vector));
}

/* Count, page size, then ranges, then as many names. */
static void put_files(struct writer *out, const struct mti_core *core)
{
	const uint64_t head[] = { core->file_count, MOTE_PAGE_SIZE };
	size_t path = strnlen(core->path, PATH_BYTES - 1);
	size_t i;

	if (path == 0 || core->file_count == 0)
		return;
	put_head(out, "CORE", NT_FILE,
		 sizeof(head) + core->file_count * (24 + path + 1));
	put(out, head, sizeof(head));
	for (i = 0; i < core->file_count; i++) {
		const struct mti_core_file *file = &core->files[i];
		const uint64_t row[] = { file->start, file->end,
					 file->offset / MOTE_PAGE_SIZE };

		put(out, row, sizeof(row));
	}
	for (i = 0; i < core->file_count; i++) {
		put(out, core->path, path);
		put(out, "", 1);
	}
	pad(out);
}

static void put_all(struct writer *out, const struct mti_core *core)
{
	put_status(out, core);
	put_process(out, core);
	put_signal(out, core);
	put_auxiliary(out, core);
	put_files(out, core);
	if (core->vector_size >= core->arch->core_fp_size)
		put_note(out, "CORE", NT_FPREGSET, core->vector,
			 core->arch->core_fp_size);
	if (core->vector_size > core->arch->core_fp_size)
		put_note(out, "LINUX", core->arch->core_vector_note,
			 core->vector, core->vector_size);
	put_note(out, MTI_CORE_OWNER, MTI_CORE_TYPE, &core->note,
		 sizeof(core->note));
}

bool mti_core_notes(const struct mti_core *core,
		    const struct mti_allocator *allocator, uint8_t **notes,
		    size_t *size)
{
	struct writer out = { NULL, 0 };

	put_all(&out, core);
	out.data = mti_alloc_raw(allocator, 1, out.used);
	if (!out.data)
		return false;
	out.used = 0;
	put_all(&out, core);
	*notes = out.data;
	*size = out.used;
	return true;
}

uint32_t mti_core_signal(mote_status status, mote_fault_kind kind)
{
	enum { INT = 2, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8,
	       KILL = 9, SEGV = 11, ALRM = 14, XCPU = 24, SYS = 31 };
	static const uint8_t of_kind[] = {
		[MOTE_FAULT_READ] = SEGV,
		[MOTE_FAULT_WRITE] = SEGV,
		[MOTE_FAULT_EXECUTE] = SEGV,
		[MOTE_FAULT_NULL_POINTER] = SEGV,
		[MOTE_FAULT_STACK_OVERFLOW] = SEGV,
		[MOTE_FAULT_DIVIDE] = FPE,
		[MOTE_FAULT_ILLEGAL_INSTRUCTION] = ILL,
		[MOTE_FAULT_PRIVILEGED] = SEGV,
		[MOTE_FAULT_BREAKPOINT] = TRAP,
		[MOTE_FAULT_FLOATING_POINT] = FPE,
		[MOTE_FAULT_ALIGNMENT] = BUS,
		[MOTE_FAULT_ABORT] = ABRT,
		[MOTE_FAULT_MACHINE] = KILL,
	};

	switch (status) {
	case MOTE_E_GUEST_FAULT:
		return kind < sizeof(of_kind) ? of_kind[kind] : KILL;
	case MOTE_E_DEADLINE:
		return ALRM;
	case MOTE_E_CANCELLED:
		return INT;
	case MOTE_E_CPU_TIME:
		return XCPU;
	case MOTE_OK:
	case MOTE_E_GUEST_ERROR:
	case MOTE_E_GUEST_EXIT:
		return 0;
	default:
		return SYS;
	}
}
