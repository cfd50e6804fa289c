/*
 * What the files of the session share.
 */
#ifndef MTI_DEBUG_GDB_COMMANDS_H
#define MTI_DEBUG_GDB_COMMANDS_H

#include "debug/gdb/session.h"

/* E01; with a text where the client reads it. */
void mti_gdb_fail(struct mti_gdb_session *session, const char *text);

/* state.c: g, G, p, P, m, M, X, Z0, z0, Z2, z2. */
void mti_gdb_read_all(struct mti_gdb_session *session);
void mti_gdb_write_all(struct mti_gdb_session *session,
		       struct mti_gdb_text *text);
void mti_gdb_read_one(struct mti_gdb_session *session,
		      struct mti_gdb_text *text);
void mti_gdb_write_one(struct mti_gdb_session *session,
		       struct mti_gdb_text *text);
void mti_gdb_read_memory(struct mti_gdb_session *session,
			 struct mti_gdb_text *text);
void mti_gdb_write_memory(struct mti_gdb_session *session,
			  struct mti_gdb_text *text, bool binary);
void mti_gdb_breakpoint(struct mti_gdb_session *session,
			struct mti_gdb_text *text, bool insert);
/* state.c: registers that go with each stop. */
void mti_gdb_add_stop_registers(struct mti_gdb_session *session);

/* query.c: q..., Q..., text begins behind the letter. */
void mti_gdb_query(struct mti_gdb_session *session,
		   struct mti_gdb_text *text);
void mti_gdb_set(struct mti_gdb_session *session, struct mti_gdb_text *text);

#endif
