/*
 * The library's side of a debugger, with clients that gdb is not: addresses,
 * time limits, who is let in, and clients that do harm.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"

#include "client.h"
#include "place.h"

static uint64_t seed;

/* Text is NULL or what the error says. */
static void refuse(struct vm *vm, const mote_sandbox_options *options,
		   mote_status expected, const char *text)
{
	mote_sandbox *box = NULL;

	vm_expect(mote_sandbox_new(vm->image, options, &box, &vm->err),
		  expected, &vm->err);
	vm_expect_text(&vm->err, text);
	assert_null(box);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *gdb;
		mote_status status;
		const char *text;
	} cases[] = {
		{ "", MOTE_E_INVALID, "\"\" is neither unix:PATH nor" },
		{ "/tmp/x", MOTE_E_INVALID, "is neither unix:PATH nor" },
		{ "unix:", MOTE_E_INVALID, "the path has 0 bytes" },
		{ "tcp:", MOTE_E_INVALID, "a port is 0 to 65535" },
		{ "tcp:65536", MOTE_E_INVALID, "a port is 0 to 65535" },
		{ "tcp:4294967297", MOTE_E_INVALID, "a port is 0 to" },
		{ "tcp:-1", MOTE_E_INVALID, "a port is 0 to 65535" },
		{ "tcp:1 ", MOTE_E_INVALID, "a port is 0 to 65535" },
		{ "unix:/there/is/no/such/folder", MOTE_E_OS,
		  "unix:/there/is/no/such/folder: No such file" },
	};
	mote_sandbox_options options = gdb_options();
	char longest[200];
	struct vm vm;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		options.gdb = cases[i].gdb;
		refuse(&vm, &options, cases[i].status, cases[i].text);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "unix:", 5);
	options.gdb = longest;
	refuse(&vm, &options, MOTE_E_INVALID, "the path has 194 bytes");
	options.gdb = gdb_address;
	options.flags = MOTE_SANDBOX_NO_DUMP;
	refuse(&vm, &options, MOTE_E_INVALID, "MOTE_SANDBOX_NO_DUMP");
	assert_int_equal(access(gdb_path, F_OK), -1);
	vm_close(&vm);
}

/* The socket is the user's own, and goes with the sandbox. */
static void test_socket(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct vm vm;
	mote_sandbox *box;
	struct stat st;
	pthread_t thread;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(gdb_let_go, NULL);
	box = vm_sandbox(&vm, &options);
	gdb_join(thread);
	assert_int_equal(stat(gdb_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	/* One that is in use stays where it is, and in use. */
	refuse(&vm, &options, MOTE_E_OS, "Address already in use");
	vm_expect_text(&vm.err, gdb_path);
	assert_int_equal(stat(gdb_path, &st), 0);
	mote_sandbox_free(box);
	assert_int_equal(stat(gdb_path, &st), -1);
	vm_close(&vm);
}

static void test_port_in_use(void **state)
{
	struct sockaddr_in taken = { .sin_family = AF_INET };
	socklen_t size = sizeof(taken);
	mote_sandbox_options options = gdb_options();
	char text[32];
	struct vm vm;
	int fd;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	taken.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&taken, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&taken, &size), 0);
	snprintf(text, sizeof(text), "tcp:%u", ntohs(taken.sin_port));
	options.gdb = text;
	refuse(&vm, &options, MOTE_E_OS, text);
	vm_expect_text(&vm.err, "Address already in use");
	close(fd);
	vm_close(&vm);
}

struct caller {
	struct client client;
	char address[128];
	int times;
};

/* Nothing is tried twice: somebody listens when this is called. */
static void connect_at_once(void *user, const char *address)
{
	struct caller *caller = user;
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in port = { .sin_family = AF_INET };
	bool is_path = strncmp(address, "unix:", 5) == 0;
	int fd = socket(is_path ? AF_UNIX : AF_INET,
			SOCK_STREAM | SOCK_CLOEXEC, 0);

	caller->times++;
	snprintf(caller->address, sizeof(caller->address), "%s", address);
	snprintf(path.sun_path, sizeof(path.sun_path), "%s", gdb_path);
	port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	port.sin_port = htons((uint16_t)strtoul(address + 4, NULL, 10));
	assert_int_equal(
		is_path ? connect(fd, (struct sockaddr *)&path, sizeof(path)) :
			  connect(fd, (struct sockaddr *)&port, sizeof(port)),
		0);
	client_init(&caller->client, fd);
	client_send(&caller->client, "D");
}

static void test_ready(void **state)
{
	const char *const wanted[] = { gdb_address, "tcp:0" };
	mote_sandbox_options options = gdb_options();
	struct vm vm;
	mote_sandbox *box;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	options.gdb_ready = connect_at_once;
	for (i = 0; i < 2; i++) {
		struct caller caller = { .times = 0 };

		options.gdb = wanted[i];
		options.gdb_user = &caller;
		box = vm_sandbox(&vm, &options);
		client_expect(client_receive(&caller.client), "OK");
		client_close(&caller.client);
		assert_int_equal(caller.times, 1);
		if (i == 0)
			assert_string_equal(caller.address, gdb_address);
		else
			assert_true(strncmp(caller.address, "tcp:", 4) == 0 &&
				    strcmp(caller.address, "tcp:0") != 0);
		gdb_expect_sum(&vm, box);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* Holds the guest, stopped and running, for longer than it may run. */
static void *dawdle(void *argument)
{
	struct client *client = argument;

	client_connect(client, gdb_path);
	gdb_wait_ns(150 * MS);
	client_send(client, "c");
	gdb_wait_ns(150 * MS);
	/* It has long come to its end; the next call stops for this. */
	client_send_raw(client, "\x03", 1);
	client_expect(client_receive(client), "T02");
	gdb_wait_ns(150 * MS);
	client_send(client, "c");
	return NULL;
}

static void test_no_deadline(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct client client;
	struct vm vm;
	mote_sandbox *box;
	mote_value result;
	pthread_t thread;
	mote_status status;

	(void)state;
	options.deadline_ns = 100 * MS;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(dawdle, &client);
	box = vm_sandbox(&vm, &options);
	gdb_wait_ns(350 * MS);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	/* Without a debugger time counts again. */
	client_close(&client);
	status = mote_call(box, "Spin", NULL, 0, &result, &vm.err);
	vm_expect(status, MOTE_E_DEADLINE, &vm.err);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Detaches in the middle of a call that does not end. */
static void *leave_spinning(void *unused)
{
	struct client client;

	client_connect(&client, gdb_path);
	client_send(&client, "c");
	gdb_wait_ns(200 * MS);
	client_send_raw(&client, "\x03", 1);
	client_expect(client_receive(&client), "T02");
	client_expect(client_ask(&client, "D"), "OK");
	client_expect(client_receive(&client), NULL);
	client_close(&client);
	return unused;
}

static void test_deadline_after_detach(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct vm vm;
	mote_sandbox *box;
	mote_value result;
	pthread_t thread;

	(void)state;
	options.deadline_ns = 100 * MS;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(leave_spinning, NULL);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_call(box, "Spin", NULL, 0, &result, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	gdb_join(thread);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* The second is turned away, however long the first stays. */
static void *come_twice(void *unused)
{
	struct client first;
	struct client second;

	client_connect(&first, gdb_path);
	client_expect(client_ask(&first, "?"), "T05");
	client_connect(&second, gdb_path);
	client_expect(client_receive(&second), NULL);
	client_close(&second);
	client_expect(client_ask(&first, "qC"), "QC1");
	client_send(&first, "c");
	/* The sandbox is freed. */
	client_expect(client_receive(&first), "W00");
	client_expect(client_receive(&first), NULL);
	client_close(&first);
	return unused;
}

static void test_one_client(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct vm vm;
	mote_sandbox *box;
	pthread_t thread;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(come_twice, NULL);
	box = vm_sandbox(&vm, &options);
	gdb_expect_sum(&vm, box);
	mote_sandbox_free(box);
	gdb_join(thread);
	vm_close(&vm);
}

static void expect_at(struct client *client, const char *type, int offset,
		      const char *answer)
{
	char packet[32];

	snprintf(packet, sizeof(packet), "%s,%llx,1", type,
		 (unsigned long long)gdb_room + (unsigned int)offset);
	client_expect(client_ask(client, packet), answer);
}

/* As many breakpoints as it gets, then lets it run. */
static void *break_everywhere(void *unused)
{
	struct client client;
	int i;

	client_connect(&client, gdb_path);
	for (i = 0; i < GDB_ROOM; i++)
		expect_at(&client, "Z0", i, i < 256 ? "OK" : "E01");
	client_expect(client_ask(&client, "z0,0,1"), "OK");
	/* One that is there twice goes when both are removed. */
	expect_at(&client, "Z1", 0, "OK");
	expect_at(&client, "z0", 0, "OK");
	expect_at(&client, "Z0", 256, "E01");
	expect_at(&client, "z1", 0, "OK");
	expect_at(&client, "Z0", 256, "OK");
	expect_at(&client, "z0", 256, "OK");
	/* Not in what is not the program's. */
	client_expect(client_ask(&client, "Z0,700000001000,1"), "E01");
	client_expect(client_ask(&client, "Z0,700020000400,1"), "E01");
	client_expect(client_ask(&client, "Z0,0,1"), "E01");
	client_expect(client_ask(&client, "M700020000400,1:00"), "E01");
	client_send(&client, "c");
	client_expect(client_receive(&client), "W00");
	client_close(&client);
	return unused;
}

/* Between calls nobody finds breakpoints in memory. */
static void test_breakpoints_hidden(void **state)
{
	mote_sandbox_options options = gdb_options();
	uint8_t before[GDB_ROOM];
	uint8_t after[GDB_ROOM];
	struct vm vm;
	mote_sandbox *box;
	pthread_t thread;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(gdb_let_go, NULL);
	box = vm_sandbox(&vm, &options);
	gdb_find_room(box);
	gdb_read_room(box, before);
	mote_sandbox_free(box);
	gdb_join(thread);
	thread = gdb_start(break_everywhere, NULL);
	box = vm_sandbox(&vm, &options);
	gdb_read_room(box, after);
	assert_memory_equal(before, after, sizeof(before));
	gdb_expect_sum(&vm, box);
	gdb_read_room(box, after);
	assert_memory_equal(before, after, sizeof(before));
	mote_sandbox_free(box);
	gdb_join(thread);
	vm_close(&vm);
}

struct attack {
	uint64_t seed;
	int kind;
};

#define ATTACKS 8

static void send_random(struct client *client, struct random_source *source,
			size_t size)
{
	uint8_t bytes[256];
	size_t i;

	for (; size > 0; size -= i) {
		for (i = 0; i < sizeof(bytes) && i < size; i++)
			bytes[i] = (uint8_t)random_below(source, 256);
		client_send_raw(client, bytes, i);
	}
}

/* Valid packets with addresses, lengths and registers at random. */
static void send_wild(struct client *client, struct random_source *source)
{
	static const char *const forms[] = {
		"m%llx,%llx", "M%llx,4:%08llx", "P%llx=%016llx",
		"Z0,%llx,1;%llx", "Z2,%llx,%llx", "z0,%llx,%llx",
		"qXfer:auxv:read::%llx,%llx", "qGetTLSAddr:%llx,%llx",
		"X%llx,%llx:", "vCont;r%llx,%llx",
	};
	const char *form = forms[random_below(source, 10)];
	char packet[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(packet, sizeof(packet), form,
		 (unsigned long long)(random_u64(source) >>
				      random_below(source, 64)),
		 (unsigned long long)(random_u64(source) >>
				      random_below(source, 64)));
#pragma GCC diagnostic pop
	client_send(client, packet);
}

static void *attack(void *argument)
{
	const struct attack *attack = argument;
	struct random_source source;
	struct client client;
	int i;

	source.state = attack->seed;
	client_connect(&client, gdb_path);
	/* It does not read: the other end may not either until it does. */
	client.impatient = true;
	switch (attack->kind) {
	case 0: /* noise */
		send_random(&client, &source, 100000);
		break;
	case 1: /* a packet without end */
		client_send_raw(&client, "$m", 2);
		for (i = 0; i < 2000; i++)
			send_random(&client, &source, 256);
		break;
	case 2: /* a length of 1 GiB, and the data for some of it */
		client_send_raw(&client, "$X400000,40000000:", 18);
		send_random(&client, &source, 300000);
		break;
	case 3: /* ends in the middle */
		client_send_raw(&client, "$vCont;c#a", 10);
		break;
	case 4: /* asks and asks, and does not listen */
		for (i = 0; i < 400; i++)
			client_send_raw(&client, "$g#67", 5);
		break;
	case 5: /* says that it heard nothing */
		client_send_raw(&client, "$g#67", 5);
		for (i = 0; i < 5000; i++)
			client_send_raw(&client, "-", 1);
		break;
	case 6: /* what no gdb would ask for */
		for (i = 0; i < 300; i++)
			send_wild(&client, &source);
		break;
	default: /* interrupts without end */
		client_send_raw(&client, "$c#63", 5);
		for (i = 0; i < 10000; i++)
			client_send_raw(&client, "\x03", 1);
		break;
	}
	client_close(&client);
	return NULL;
}

/* It can break its guest, not more: the next sandbox is as good as new. */
static void test_hostile_clients(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct attack attacks;
	struct random_source source;
	struct vm vm;
	mote_sandbox *box;
	mote_status status;
	pthread_t thread;
	int sum;

	(void)state;
	source.state = seed;
	vm_open(&vm, GUEST_gdb_session);
	for (attacks.kind = 0; attacks.kind < ATTACKS; attacks.kind++) {
		attacks.seed = random_u64(&source);
		box = NULL;
		thread = gdb_start(attack, &attacks);
		status = mote_sandbox_new(vm.image, &options, &box, &vm.err);
		if (status == MOTE_OK)
			(void)gdb_call(box, "Sum", 4, &sum, &vm.err);
		else
			assert_int_equal(attacks.kind, 6);
		gdb_join(thread);
		mote_sandbox_free(box);
		thread = gdb_start(gdb_let_go, NULL);
		box = vm_sandbox(&vm, &options);
		gdb_expect_sum(&vm, box);
		gdb_join(thread);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* A child has the parent's socket, and leaves it alone. */
static void test_fork(void **state)
{
	mote_sandbox_options options = gdb_options();
	struct vm vm;
	mote_sandbox *box;
	struct stat st;
	pthread_t thread;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	thread = gdb_start(gdb_let_go, NULL);
	box = vm_sandbox(&vm, &options);
	gdb_join(thread);
	vm_fork((void (*)(void *))mote_sandbox_free, box, 20);
	assert_int_equal(stat(gdb_path, &st), 0);
	gdb_expect_sum(&vm, box);
	mote_sandbox_free(box);
	assert_int_equal(stat(gdb_path, &st), -1);
	vm_close(&vm);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_no_deadline),
		cmocka_unit_test(test_deadline_after_detach),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_breakpoints_hidden),
		cmocka_unit_test(test_hostile_clients),
		cmocka_unit_test(test_fork),
	};
	int status = vm_require();

	if (status != 0)
		return status;
	seed = random_seed(argc, argv);
	vm_watchdog(100);
	if (!gdb_place_init())
		return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	gdb_place_fini();
	return status;
}
