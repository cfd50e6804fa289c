/*
 * From the host's entry to libc's start, and from there to the first call.
 */
#include "rt/rt.h"

#include <elf.h>
#include <link.h>

#include "abi/note.h"
#include "abi/trap.h"
#include "port.h"
#include "rt/asm.h"

_Static_assert(ASM_ABI_VERSION == MOTE_ABI_VERSION, "asm");
_Static_assert(ASM_NOTE_TYPE == MOTE_NOTE_TYPE, "asm");
_Static_assert(ASM_PORT_READY == MOTE_PORT_READY, "asm");
_Static_assert(ASM_SYSCALL_RETURN ==
		       MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_RETURN,
	       "asm");
_Static_assert(ASM_DOORBELL == MOTE_GVA_DOORBELL, "asm");

#define USER_ID 1000

extern int __libc_start_main(int (*main)(int, char **, char **), int argc,
			     char **argv, void (*init)(void),
			     void (*fini)(void), void (*linker)(void));

HIDDEN extern const Elf64_Ehdr __ehdr_start;

/* C++ names the module of a destructor by the address of this. */
HIDDEN void *const __dso_handle __attribute__((weak)) = NULL;

HIDDEN NORETURN void mote_rt_start(const Elf64_Dyn *dynamic);

struct auxiliary {
	uint64_t type;
	uint64_t value;
};

/* What Linux puts on the stack of a new program. */
struct vectors {
	char *argv[2];
	char *envp[1];
	struct auxiliary auxv[13];
};

/*
 * A position-independent program relocates itself; for others entry is NULL.
 * Nothing that has a relocation may be used before this.
 */
static void relocate(const Elf64_Dyn *entry)
{
	uint64_t base = (uint64_t)&__ehdr_start;
	const Elf64_Rela *rela = NULL;
	uint64_t size = 0;

	if (entry == NULL)
		return;
	/* The compiler would not write to what it knows as __ehdr_start. */
	__asm__("" : "+r"(base));
	for (; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(base + entry->d_un.d_ptr);
		else if (entry->d_tag == DT_RELASZ)
			size = entry->d_un.d_val;
	}
	for (; size >= sizeof(*rela); size -= sizeof(*rela), rela++) {
		if (ELF64_R_TYPE(rela->r_info) != CPU_RELOCATION)
			__builtin_trap();
		*(uint64_t *)(base + rela->r_offset) =
			base + (uint64_t)rela->r_addend;
	}
}

/* libc has run the constructors: from now on the host calls. */
static int mote_rt_main(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	mote_rt_flush_stdout();
	mote_rt_clock_leave();
	mote_rt_ready();
}

/* Not inlined: its constants are only right after relocate(). */
static NORETURN __attribute__((noinline)) void enter_libc(void)
{
	const unsigned char *image = (const unsigned char *)&__ehdr_start;
	struct vectors vectors = {
		.argv = { (char *)"mote", NULL },
		.envp = { NULL },
		.auxv = {
			{ AT_PHDR, (uint64_t)image + __ehdr_start.e_phoff },
			{ AT_PHENT, __ehdr_start.e_phentsize },
			{ AT_PHNUM, __ehdr_start.e_phnum },
			{ AT_PAGESZ, MOTE_PAGE_SIZE },
			{ AT_RANDOM, MOTE_GVA_CONTROL +
				     offsetof(struct mote_abi_control,
					      random) },
			{ AT_UID, USER_ID },
			{ AT_EUID, USER_ID },
			{ AT_GID, USER_ID },
			{ AT_EGID, USER_ID },
			{ AT_SECURE, 0 },
			{ AT_NULL, 0 },
		},
	};

	__libc_start_main(mote_rt_main, 1, vectors.argv, NULL, NULL, NULL);
	__builtin_trap();
}

void mote_rt_start(const Elf64_Dyn *dynamic)
{
	relocate(dynamic);
	if (control()->magic != MOTE_CONTROL_MAGIC ||
	    control()->abi_version != MOTE_ABI_VERSION)
		__builtin_trap();
	mote_rt_clock_enter();
	control()->syscall_handler = (uintptr_t)mote_rt_syscall_entry;
	enter_libc();
}
