/* A stranger's program: does the library match its headers? */
#include <mote/mote.h>
#include <mote/snapshot.h>

#include <stdio.h>

int main(void)
{
	mote_value argument = MOTE_STRING("World");

	if (mote_version() != MOTE_VERSION) {
		printf("library %s, headers %s\n", mote_version_string(),
		       MOTE_VERSION_STRING);
		return 1;
	}
	if (argument.as.string.size != 5 || mote_backend_count() == 0)
		return 1;
	/* A static program gets what the library needs itself: libcrypto. */
	if (mote_snapshot_remove("/nonexistent", "tag", NULL) != MOTE_E_OS)
		return 1;
	printf("%s\n", mote_status_name(MOTE_OK));
	return 0;
}
