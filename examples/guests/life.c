/*
 * A kernel: a bare 32-bit x86 program that has the whole machine, and plays
 * the Game of Life on its serial port.
 *
 *	gcc -m32 -O1 -ffreestanding -fno-pic -fcf-protection=none \
 *		-fno-stack-protector -mgeneral-regs-only -nostdlib -static \
 *		-Wl,-Ttext-segment=0x100000,-z,max-page-size=4096 \
 *		-Wl,--build-id=none -o life.elf life.c
 *	mote run life.elf
 */
#define SERIAL 0x3f8
#define EXIT 0xd0     /* the status, 4 bytes */
#define SNAPSHOT 0xdc /* the host may save the machine here, 4 bytes */

#define WIDTH 24
#define HEIGHT 6
#define GENERATIONS 4

static char board[HEIGHT][WIDTH];
static char next[HEIGHT][WIDTH];

/* There is a stack when it starts, and nothing else. */
__asm__(".globl _start\n"
	"_start: call run\n"
	"	out %eax, $0xd0\n");

static void print(char c)
{
	__asm__ volatile("outb %0, %1" : : "a"(c), "d"((short)SERIAL));
}

static void offer_snapshot(void)
{
	__asm__ volatile("outl %0, %1" : : "a"(0), "d"((short)SNAPSHOT));
}

static void show(void)
{
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++)
			print(board[y][x] ? '#' : '.');
		print('\n');
	}
	print('\n');
}

static int neighbours(int y, int x)
{
	int sum = -board[y][x];

	for (int dy = -1; dy <= 1; dy++)
		for (int dx = -1; dx <= 1; dx++)
			sum += board[(y + dy + HEIGHT) % HEIGHT]
				    [(x + dx + WIDTH) % WIDTH];
	return sum;
}

static void step(void)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++) {
			int n = neighbours(y, x);

			next[y][x] = n == 3 || (n == 2 && board[y][x]);
		}
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			board[y][x] = next[y][x];
}

int run(void)
{
	static const char glider[3][3] = { { 0, 1, 0 }, { 0, 0, 1 },
					   { 1, 1, 1 } };

	for (int y = 0; y < 3; y++)
		for (int x = 0; x < 3; x++)
			board[y + 1][x + 1] = glider[y][x];
	for (int i = 0; i < GENERATIONS; i++) {
		show();
		offer_snapshot();
		step();
	}
	show();
	return 0;
}
