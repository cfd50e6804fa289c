/*
 * peer.wat, compiled by wasm2c, if wabt was there at build time.
 */
#ifndef BENCH_PEER_WASM_H
#define BENCH_PEER_WASM_H

#include <stdbool.h>

/* false: it is not there. */
bool peer_wasm_start(void);

/* A new instance, its answer, and its end. */
int peer_wasm_answer(void);

#endif
