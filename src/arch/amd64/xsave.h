/*
 * The XSAVE area, standard format: offsets of what the host itself sets or
 * reads (SDM 1, 13.4.1 "Legacy Region of an XSAVE Area", 13.4.2 "XSAVE
 * Header").
 */
#ifndef MTI_ARCH_AMD64_XSAVE_H
#define MTI_ARCH_AMD64_XSAVE_H

#define MTI_XSAVE_FCW 0 /* 16 bits, the status word is behind it */
#define MTI_XSAVE_MXCSR 24
#define MTI_XSAVE_XSTATE_BV 512
/* In XSTATE_BV and XCR0 (SDM 1, 13.1). */
#define MTI_XSTATE_X87_SSE 3u

#endif
