/*
 * Serves what the library has counted, for Prometheus, on the loopback
 * interface, while another thread makes calls.
 * usage: metrics calculator.elf [REQUESTS]
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mote/observe.h>

static _Atomic int stop;

/* The work that is measured; some of it fails. */
static void *work(void *argument)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;
	int i = 0;

	if (mote_sandbox_new(argument, NULL, &box, &err) != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	while (box && !atomic_load(&stop)) {
		const mote_value args[] = { MOTE_I32(100), MOTE_I32(i++ % 5) };

		if (mote_call(box, "Divide", args, 2, NULL, &err) != MOTE_OK &&
		    err.code != MOTE_E_GUEST_ERROR)
			break;
		usleep(1000);
	}
	mote_sandbox_free(box);
	return NULL;
}

static void answer(int client, mote_engine *engine)
{
	static char body[16384];
	mote_metrics metrics = MOTE_METRICS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	char request[1024];
	size_t size = 0;

	if (read(client, request, sizeof(request)) <= 0)
		return;
	if (mote_engine_get_metrics(engine, &metrics, &err) == MOTE_OK)
		size = mote_metrics_format(&metrics, body, sizeof(body));
	dprintf(client,
		"HTTP/1.0 200 OK\r\n"
		"Content-Type: text/plain; version=0.0.4\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		size, body);
}

/* Serves that many requests; 0: without an end. */
static int serve(mote_engine *engine, long requests)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(server, (struct sockaddr *)&address, length) != 0 ||
	    listen(server, 8) != 0 ||
	    getsockname(server, (struct sockaddr *)&address, &length) != 0) {
		perror("metrics");
		return 1;
	}
	printf("http://127.0.0.1:%d/metrics\n", ntohs(address.sin_port));
	fflush(stdout);
	for (long i = 0; requests == 0 || i < requests; i++) {
		int client = accept(server, NULL, NULL);

		if (client < 0)
			break;
		answer(client, engine);
		close(client);
	}
	close(server);
	return 0;
}

int main(int argc, char **argv)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	pthread_t worker;
	int status = 1;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK ||
	    mote_image_open(engine, argc > 1 ? argv[1] : "calculator.elf",
			    &image, &err) != MOTE_OK) {
		fprintf(stderr, "%s\n", err.text);
	} else if (pthread_create(&worker, NULL, work, image) == 0) {
		status = serve(engine,
			       argc > 2 ? strtol(argv[2], NULL, 10) : 0);
		atomic_store(&stop, 1);
		pthread_join(worker, NULL);
	}
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}
