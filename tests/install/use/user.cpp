// The same as user.c from C++.
#include <mote/mote.h>

#include <cstdio>

int main()
{
	const mote_value argument = MOTE_STRING("World");

	if (mote_version() != MOTE_VERSION) {
		std::printf("library %s, headers %s\n", mote_version_string(),
			    MOTE_VERSION_STRING);
		return 1;
	}
	if (argument.as.string.size != 5 || mote_backend_count() == 0)
		return 1;
	std::printf("%s\n", mote_status_name(MOTE_OK));
	return 0;
}
