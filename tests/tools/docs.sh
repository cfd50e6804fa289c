# shellcheck shell=sh
# tools/check-docs; sourced by run.sh.

check="$tools/check-docs $work/tree"

# A tree with one public function, one status code and a README.
documented() {
	tree
	put include/mote/error.h <<'END'
#define MOTE_API __attribute__((visibility("default")))
#define MOTE_STATUS_MAP(X)                                    \
	X(OK, 0, 0, "success")
END
	put include/mote/mote.h <<'END'
/* MOTE_API void mote_old(void); */
MOTE_API MOTE_MUST_USE mote_status
mote_call(int x);
END
	printf '# Mote\n\n## How it `works`, in short\n' | put README.md
}

# shellcheck disable=SC2086 # a command and its argument
{
	documented
	echo '[a](README.md) [b](docs/A.md#top) [c](#mote)' >>README.md
	printf '# Top\n' | put docs/A.md
	echo '[up](../README.md#how-it-works-in-short)' >>docs/A.md
	echo '[web](https://example.org/x) `[no](link)`' >>docs/A.md
	accepts $check
	echo '[gone](docs/B.md)' >>README.md
	rejects 'link to docs/B.md: no such file' $check

	documented
	echo '[a](#nothing)' >>README.md
	rejects 'link to #nothing: no such heading' $check

	documented
	echo 'mote_call returns MOTE_OK.' | put man/man3/mote_call.3
	accepts $check
	echo 'mote_call returns.' | put man/man3/mote_call.3
	rejects 'MOTE_OK is in no man page' $check
	echo 'MOTE_OK is good.' | put man/man3/mote_call.3
	rejects 'mote_call is in no man page' $check
	echo 'mote_call MOTE_OK mote_cull' | put man/man3/mote_call.3
	rejects 'mote_cull is not in include/mote' $check

	documented
	echo 'mote_call returns MOTE_OK.' | put man/man3/mote.3
	rejects 'mote.h:3: there is no man/man3/mote_call.3' $check
	(cd "$work/tree/man/man3" && ln -s mote.3 mote_call.3)
	accepts $check
	printf 'mote_call@@MOTE_0.1\nmote_old@@MOTE_0.1\n' |
		put symbols/libmote.txt
	rejects 'libmote.txt: there is no man/man3/mote_old.3' $check

	documented
	echo 'mote_call returns MOTE_OK.' | put man/man3/mote_call.3
	printf '.Sh NAME\n.Nm mote-a ,\n.Nm mote-b\n.Nd x\n.Nm other\n' |
		put man/man1/mote-a.1
	rejects 'mote-a.1: there is no man/man1/mote-b.1' $check
	(cd "$work/tree/man/man1" && ln -s mote-a.1 mote-b.1)
	accepts $check

	documented
	echo 'mote_call returns MOTE_OK.' | put man/man3/mote_call.3
	put guest/include/mote_guest.h <<'END'
#define MOTE_EXPORT(name)        \
	mote_hidden(name)
void mote_fail(int32_t code);
/* mote_old(). Nothing below is for use by programs. */
void mote_internal(void);
END
	rejects 'MOTE_EXPORT is in no man page' $check
	echo 'MOTE_EXPORT' | put man/man7/mote_guest.7
	rejects 'mote_fail is in no man page' $check
	echo 'MOTE_EXPORT mote_fail' | put man/man7/mote_guest.7
	accepts $check
	echo 'mote_internal' >>man/man7/mote_guest.7
	rejects 'mote_internal is not in include/mote' $check

	documented
	echo '`error.h` `mote.h` `pages.c`' | put docs/ARCHITECTURE.md
	: | put src/mem/pages.h
	accepts $check
	: | put src/mem/more.c
	rejects 'src/mem/more.c is not on the map' $check

	documented
	echo 'There are at most 256 regions.' | put docs/SNAPSHOT-FORMAT.md
	echo '`memory.extents`, at most 64, sorted' >>docs/SNAPSHOT-FORMAT.md
	echo '#define MTI_REGIONS_MAX 256' | put src/mem/layout.h
	echo '#define MTI_STORE_EXTENTS_MAX 64' | put src/mem/store.h
	accepts $check
	echo '#define MTI_REGIONS_MAX 48' | put src/mem/layout.h
	rejects 'says 256, but MTI_REGIONS_MAX is 48' $check
	echo '#define MTI_REGIONS 256' | put src/mem/layout.h
	rejects 'there is no number MTI_REGIONS_MAX' $check
	echo '#define MTI_REGIONS_MAX 256' | put src/mem/layout.h
	echo 'Some regions.' | put docs/SNAPSHOT-FORMAT.md
	rejects 'does not say: at most' $check

	documented
	put abi/layout.h <<'END'
struct mote_abi_control {
	/* uint32_t old; */
	uint32_t magic;
	union {
		struct {
			uint32_t inner;
		};
	};
	uint8_t reserved[3];
};
END
	printf '| 0 | `magic` | x |\n| 4 | `inner` | y |\n' | put docs/PROTOCOL.md
	accepts $check
	printf '| 0 | `magic` | x |\n`inner`\n' | put docs/PROTOCOL.md
	rejects 'the control page lacks `inner`' $check
}
