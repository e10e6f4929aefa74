/* A wall clock that is CLOCK_AHEAD_SECONDS ahead, for a process that this is loaded into before its own libraries. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static long ahead_s = -1;
    if (ahead_s < 0) {
        const char *text = getenv("CLOCK_AHEAD_SECONDS");
        ahead_s = text ? atol(text) : 0;
    }
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead_s;
    return failed;
}
