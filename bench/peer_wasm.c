#include "peer_wasm.h"

#ifdef BENCH_HAVE_WASM2C

#include "peer.h"

bool peer_wasm_start(void)
{
	wasm_rt_init();
	Z_peer_init_module();
	return true;
}

int peer_wasm_answer(void)
{
	Z_peer_instance_t instance;
	int answer;

	Z_peer_instantiate(&instance);
	answer = (int)Z_peerZ_answer(&instance);
	Z_peer_free(&instance);
	return answer;
}

#else

bool peer_wasm_start(void)
{
	return false;
}

int peer_wasm_answer(void)
{
	return -1;
}

#endif
