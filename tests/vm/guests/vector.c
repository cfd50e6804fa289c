/*
 * Vector instructions, and what the way to the host must not do to them.
 */
#include <immintrin.h>
#include <math.h>
#include <stdio.h>

#include <mote_guest.h>

MOTE_IMPORT(void, Nothing, void);

MOTE_EXPORT(bool, HasAvx2, void)
{
	return __builtin_cpu_supports("avx2");
}

MOTE_EXPORT(f64, Sse2, (f64, x))
{
	__m128d pair = _mm_set_pd(x, 2 * x);

	pair = _mm_sqrt_pd(_mm_mul_pd(pair, pair));
	return _mm_cvtsd_f64(pair) + sin(x) * sin(x) + cos(x) * cos(x);
}

/* The registers' upper halves too live through an exit and a system call. */
__attribute__((target("avx2"))) static double across_exits(double x)
{
	__m256d kept[8];
	__m256d sum = _mm256_setzero_pd();
	double parts[4];
	int i;

	for (i = 0; i < 8; i++)
		kept[i] = _mm256_set_pd(x + i, x - i, i, 1);
	__asm__ volatile("" : "+x"(kept[0]), "+x"(kept[1]), "+x"(kept[2]),
			      "+x"(kept[3]));
	/* A system call without libc, so that no register is saved. */
	{
		long number = 39; /* getpid */

		__asm__ volatile("syscall"
				 : "+a"(number), "+x"(kept[0]), "+x"(kept[1]),
				   "+x"(kept[2]), "+x"(kept[3])
				 :
				 : "rcx", "r11", "memory");
	}
	Nothing();
	printf("between\n");
	for (i = 0; i < 8; i++)
		sum = _mm256_add_pd(sum, kept[i]);
	_mm256_storeu_pd(parts, sum);
	return parts[0] + parts[1] + parts[2] + parts[3];
}

MOTE_EXPORT(f64, Avx2, (f64, x))
{
	return across_exits(x);
}
